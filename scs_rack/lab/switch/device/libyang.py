"""As much of libyang 3 (the C library that FRR brings along) as the judge of `scs_rack.sonic.yang` asks of its package.

Names and meaning are those of the Python package oopt_gnpy_libyang, which has no build for the switch's Python.
Source: libyang 3.12, context.h, log.h, parser_data.h.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

LIBRARY = "libyang.so.3"
_NO_YANGLIBRARY = 0x04
_STORE = 0x02


class Error(Exception):
    """libyang refused something."""


class LogOptions:
    """What becomes of messages."""

    Store = _STORE


class ContextOptions:
    """Options of a context."""

    NoYangLibrary = _NO_YANGLIBRARY


class DataFormat:
    """Formats of data."""

    JSON = 2


class ParseOptions:
    """How data is read."""

    Strict = 0x020000
    NoState = 0x080000
    JsonStringDataTypes = 0x8000000


class ValidationOptions:
    """How data is judged."""

    NoState = 0x0001
    MultiError = 0x0004


class _Item(ctypes.Structure):
    """struct ly_err_item."""


_Item._fields_ = [
    ("level", ctypes.c_int),
    ("code", ctypes.c_int),
    ("kind", ctypes.c_int),
    ("message", ctypes.c_char_p),
    ("data_path", ctypes.c_char_p),
    ("schema_path", ctypes.c_char_p),
    ("line", ctypes.c_uint64),
    ("app_tag", ctypes.c_char_p),
    ("next", ctypes.POINTER(_Item)),
    ("previous", ctypes.POINTER(_Item)),
]


@dataclass(frozen=True)
class Message:
    """One objection."""

    message: str
    data_path: str
    app_tag: str


class _Library:
    """The C library, loaded when it is first needed."""

    loaded: ClassVar[Any] = None

    @classmethod
    def get(cls) -> Any:
        if cls.loaded is None:
            found = ctypes.CDLL(LIBRARY)
            pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
            found.ly_ctx_new.argtypes = [text, number, ctypes.POINTER(pointer)]
            found.ly_ctx_load_module.argtypes = [pointer, text, text, pointer]
            found.ly_ctx_load_module.restype = pointer
            found.lyd_parse_data_mem.argtypes = [pointer, text, ctypes.c_int, number, number, ctypes.POINTER(pointer)]
            found.lyd_free_all.argtypes = [pointer]
            found.lyd_free_all.restype = None
            found.ly_err_first.argtypes = [pointer]
            found.ly_err_first.restype = ctypes.POINTER(_Item)
            found.ly_err_clean.argtypes = [pointer, pointer]
            found.ly_err_clean.restype = None
            cls.loaded = found
        return cls.loaded


def set_log_options(options: int) -> None:
    """Say what becomes of messages."""
    _Library.get().ly_log_options(ctypes.c_uint32(options))


class Context:
    """Modules that were loaded together. It lives as long as the process."""

    def __init__(self, folder: str, options: int) -> None:
        """Make an empty one that finds modules in a folder.

        Raises:
            Error: libyang can't.
        """
        self._library = _Library.get()
        self._context = ctypes.c_void_p()
        if self._library.ly_ctx_new(folder.encode(), options, ctypes.byref(self._context)):
            raise Error(f"no context for {folder}")

    def load_module(self, name: str) -> None:
        """Load a module and what it needs.

        Raises:
            Error: there is none, or it is wrong.
        """
        if not self._library.ly_ctx_load_module(self._context, name.encode(), None, None):
            raise Error("; ".join(one.message for one in self.errors()) or name)

    def parse_data(self, text: str, kind: int, options: int, validation: int) -> None:
        """Read and judge data.

        Raises:
            Error: it is not valid; `errors` says why.
        """
        tree = ctypes.c_void_p()
        code = self._library.lyd_parse_data_mem(
            self._context, text.encode(), kind, options, validation, ctypes.byref(tree)
        )
        if tree:
            self._library.lyd_free_all(tree)
        if code:
            raise Error(f"libyang's error {code}")

    def errors(self) -> list[Message]:
        """What was objected to since the last `clean_all_errors`."""
        return list(self._errors())

    def _errors(self) -> Iterator[Message]:
        item = self._library.ly_err_first(self._context)
        while item:
            one = item.contents
            yield Message(
                *((text or b"").decode("utf-8", "replace") for text in (one.message, one.data_path, one.app_tag))
            )
            item = one.next

    def clean_all_errors(self) -> None:
        """Forget all objections."""
        self._library.ly_err_clean(self._context, None)
