"""The catalogue against transformers' own counts."""

import pytest

from core.models.catalogue import _rows, catalogue, catalogue_shape
from tests.models.test_shape import built


def test_every_row_is_read_and_counted() -> None:
    """Sixty models and more, each known, each with the parameters its row says."""
    assert len(catalogue()) >= 60
    for facts in catalogue():
        shape = catalogue_shape(facts.id)
        assert shape is not None
        assert shape.known
        assert shape.parameters == facts.parameters
        assert facts.context_length
        assert facts.licence


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(_rows()))
def test_transformers_builds_as_many_parameters(name: str) -> None:
    """Each model, built on the meta device, holds what the catalogue says."""
    row = _rows()[name]

    assert built(dict(row["config"])).num_parameters() == row["parameters"]
