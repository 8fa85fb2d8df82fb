"""The Hugging Face token: in the system's keyring, or for this session alone.

It is never written to a file of ours, a command line or a log.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

_SERVICE: Final = "tunesmith"
_USER: Final = "huggingface"
_TOKEN: Final = re.compile(r"hf_[A-Za-z0-9]{10,}")

Kept = Literal["keyring", "session", "none"]


def masked(text: str) -> str:
    """Return `text` with anything that looks like a token made unreadable."""
    return _TOKEN.sub("hf_***", text)


def looks_like_token(text: str) -> bool:
    """Return whether `text` has the shape of a Hugging Face token."""
    return _TOKEN.fullmatch(text.strip()) is not None


class TokenStore:
    """Reads and keeps the token. Slow (a keyring may ask its owner): off main thread.

    `keyring` is anything with the functions of the package of that name; None where
    there is no keyring, and then the token lives as long as this object.
    """

    def __init__(self, keyring: Any = None) -> None:
        self._keyring = keyring
        self._session = ""

    @property
    def has_keyring(self) -> bool:
        """Whether a keyring was given."""
        return self._keyring is not None

    def use(self, keyring: Any) -> None:
        """Stand on `keyring` from now on; what this session keeps stays."""
        self._keyring = keyring

    def read(self) -> str:
        """Return the token, or ""."""
        if self._session:
            return self._session
        if self._keyring is None:
            return ""
        try:
            return str(self._keyring.get_password(_SERVICE, _USER) or "")
        except self._keyring.errors.KeyringError:
            return ""

    def where(self) -> Kept:
        """Return where a token is kept now."""
        if self._session:
            return "session"
        return "keyring" if self.read() else "none"

    def keep(self, token: str) -> Kept:
        """Keep `token`, and return where: the keyring if it takes it."""
        self._session = ""
        if self._keyring is not None:
            try:
                self._keyring.set_password(_SERVICE, _USER, token.strip())
            except self._keyring.errors.KeyringError:
                pass
            else:
                return "keyring"
        self._session = token.strip()
        return "session"

    def forget(self) -> None:
        """Forget the token, wherever it is."""
        self._session = ""
        if self._keyring is not None:
            try:
                self._keyring.delete_password(_SERVICE, _USER)
            except self._keyring.errors.KeyringError:
                return  # there was none


def system_keyring() -> Any:
    """Return the ``keyring`` package if a real keyring stands behind it, else None.

    Takes a noticeable moment: call it off the main thread.
    """
    try:
        import keyring
        from keyring.backends import fail
    except ImportError:
        return None
    backend = keyring.get_keyring()
    # "fail" has no store at all; "null" forgets; plaintext files keep no secret.
    if isinstance(backend, fail.Keyring) or float(backend.priority) < 1:
        return None
    return keyring
