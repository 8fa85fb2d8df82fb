"""One window a person and folder: a second start raises the first.

The lock is a file that names its process, so it survives a `kill -9`: a lock whose
process is gone is taken over, and the dead one's socket removed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_RAISE: Final = b"raise\n"
_WAIT_MS: Final = 2000


def _socket_name(home: Path) -> str:
    """Return a name for the socket that is the same for the same folder, and short.

    Unix allows about 100 bytes for a socket's path.
    """
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    return f"tunesmith-{digest}"


class SingleInstance(QObject):
    """Holds the lock of `home`, and hears later starts.

    Signals:
        raise_requested (): someone started Tunesmith again.
    """

    raise_requested = Signal()

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = _socket_name(home)
        self._lock = QLockFile(str(home / "window.lock"))
        # Never stale by age: a window may be open for weeks. A lock whose process is
        # gone is taken over whatever its age.
        self._lock.setStaleLockTime(0)
        self._server: QLocalServer | None = None

    def acquire(self) -> bool:
        """Return True as the first window; False after asking the first to rise.

        A folder that cannot be written has no lock, and no second window to fear.
        """
        if self._lock.tryLock(0):
            self._listen()
            return True
        if self._lock.error() != QLockFile.LockError.LockFailedError:
            return True
        self._ask_to_rise()
        return False

    def release(self) -> None:
        """Let the lock go, and the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.unlock()

    def _listen(self) -> None:
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        # We hold the lock, so a socket of this name belongs to a window that died.
        QLocalServer.removeServer(self._name)
        if server.listen(self._name):
            server.newConnection.connect(self._on_connected)
            self._server = server

    def _ask_to_rise(self) -> None:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_WAIT_MS):
            socket.write(_RAISE)
            socket.waitForBytesWritten(_WAIT_MS)
            socket.disconnectFromServer()

    @Slot()
    def _on_connected(self) -> None:
        if self._server is None:
            return
        while (socket := self._server.nextPendingConnection()) is not None:  # pyright: ignore[reportUnnecessaryComparison]
            socket.disconnected.connect(socket.deleteLater)
            self.raise_requested.emit()
