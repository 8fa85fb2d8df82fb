"""What the model's own loop hands to every layer: angles to turn by, and masks."""

from collections.abc import Mapping

from core.estimate.acting.decoder import Decoder
from core.estimate.acting.graph import Value
from core.models.shape import Block, ModelShape

_Windows = int | None


class Handed:
    """Tensors made before the first layer and kept while a layer needs them."""

    def __init__(self, shape: ModelShape, decoder: Decoder) -> None:
        self._decoder = decoder
        if shape.architecture == "olmo2":
            decoder.angle_bytes = 4  # the one family that does not narrow them
        windows = {block.attention.window for block in shape.blocks}
        apart = shape.architecture.startswith("gemma3")  # each kind turns differently
        angles = {
            window: self._angles(shape) for window in (windows if apart else {None})
        }
        self._angles_of: Mapping[_Windows, list[Value]] = {
            window: angles[window if apart else None] for window in windows
        }
        self._masks_of = self._masks(shape, windows)

    def of(self, block: Block, *, first: bool) -> tuple[Value, ...]:
        """Return what a layer of this kind is handed.

        Gemma 2's layers are of one kind here and two masks take turns: the first layer
        has a window, and above it both are needed.
        """
        window = block.attention.window
        turns = block.attention.softcap and not first
        masks = [
            mask for kind, mask in self._masks_of.items() if turns or kind == window
        ]
        return (*self._angles_of[window], *masks)

    def drop_idle(self) -> None:
        """Forget what the backward pass does not need, where no layer is run again."""
        self._masks_of = {}
        self._decoder.mask = None
        if not self._decoder.turns_back:
            self._angles_of = {}

    def _angles(self, shape: ModelShape) -> list[Value]:
        """Cosines and sines of each place, one sequence's for all."""
        attention, decoder = shape.blocks[0].attention, self._decoder
        always = shape.architecture == "falcon"  # even where nothing is turned
        turned = int(attention.head_dim * (1 if always else attention.rotary))
        item = decoder.angle_bytes or decoder.habits.rest_bytes
        if not turned:
            return []
        return [decoder.new(decoder.length * turned, item) for _ in range(2)]

    def _masks(
        self, shape: ModelShape, windows: set[_Windows]
    ) -> dict[_Windows, Value]:
        """Numbers to add, one a kind of window, for attention in plain operations.

        True and false where a window hides something from a kernel.
        """
        decoder, habits = self._decoder, self._decoder.habits
        attentions = [block.attention for block in shape.blocks]
        cells = decoder.length * decoder.length
        if attentions[0].alibi:
            cells *= decoder.batch * attentions[0].heads
            mask = decoder.new(cells, habits.rest_bytes)
            decoder.mask = mask.storage
            return {None: mask}
        capped = any(attention.softcap for attention in attentions)
        if habits.kernel == "eager" or capped:
            kinds = windows | _always_made(shape.architecture)
            cells *= decoder.batch
            return {kind: decoder.new(cells, habits.rest_bytes) for kind in kinds}
        masked = {one.window for one in attentions if decoder.is_masked(one)}
        masked |= _always_made(shape.architecture) - {None}
        return {window: decoder.new(cells, 1) for window in masked}


def _always_made(architecture: str) -> set[_Windows]:
    """Return the windows whose masks are made whether or not a layer has them.

    Qwen2-MoE without windows makes one for a window of no width.
    """
    if architecture == "qwen2_moe":
        return {0}
    return {None} if architecture.startswith(("gemma2", "gemma3")) else set()
