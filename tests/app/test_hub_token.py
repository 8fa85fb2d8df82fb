"""The token goes to the keyring or stays in memory; never anywhere else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.hub_token import TokenStore, looks_like_token, masked

TOKEN = "hf_" + "A1b2" * 8


class KeyringError(Exception):
    """As the package's own."""


class Keyring:
    """A keyring in memory, which may be locked."""

    errors = SimpleNamespace(KeyringError=KeyringError)

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, user: str) -> str | None:
        self._check()
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        self._check()
        self.kept[service, user] = password

    def delete_password(self, service: str, user: str) -> None:
        self._check()
        if self.kept.pop((service, user), None) is None:
            raise KeyringError

    def _check(self) -> None:
        if self.is_locked:
            raise KeyringError


def test_a_keyring_keeps_the_token_beyond_the_session() -> None:
    """Another session with the same keyring finds the token."""
    keyring = Keyring()

    assert "keyring" == TokenStore(keyring).keep(f" {TOKEN} ")
    assert TOKEN == TokenStore(keyring).read()
    assert "keyring" == TokenStore(keyring).where()


def test_without_a_keyring_it_lives_as_long_as_the_session() -> None:
    """No keyring: kept in memory, gone with the next start."""
    store = TokenStore()

    assert "session" == store.keep(TOKEN)
    assert (TOKEN, "session") == (store.read(), store.where())
    assert "none" == TokenStore().where()


def test_a_locked_keyring_falls_back_to_the_session() -> None:
    """A keyring that refuses is as none, and the answer says so."""
    keyring = Keyring()
    keyring.is_locked = True
    store = TokenStore(keyring)

    assert "" == store.read()
    assert "session" == store.keep(TOKEN)
    assert TOKEN == store.read()


def test_what_is_forgotten_is_gone() -> None:
    """Forgetting takes it out of memory and keyring; twice does no harm."""
    keyring = Keyring()
    store = TokenStore(keyring)
    store.keep(TOKEN)

    store.forget()
    store.forget()

    assert "" == store.read()
    assert {} == keyring.kept


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(TOKEN, True), (f" {TOKEN}\n", True), ("hf_", False), ("", False), ("abc", False)],
)
def test_a_token_has_a_shape(text: str, is_one: bool) -> None:
    """A password pasted by mistake is refused before it is kept."""
    assert is_one == looks_like_token(text)


def test_no_log_shows_a_token() -> None:
    """What looks like a token is made unreadable, wherever it stands."""
    assert "url?x=hf_***&y" == masked(f"url?x={TOKEN}&y")
