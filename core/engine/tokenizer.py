"""A Hugging Face fast tokenizer and its chat template, as `core.data` asks for them.

Templates are programs by strangers: transformers renders them in jinja's sandbox, which
stops break-outs but not endless loops; size, output and time are bounded here.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer

from core.data.rows import Message
from core.data.tokenizer import TemplateRefusedError, Token
from core.errors import ModelError

MOST_TEMPLATE_CHARS = 64 * 1024
MOST_RENDERED_CHARS = 64 * 1024 * 1024
_MOST_PROBE_S = 5.0
_REFUSALS = (
    TemplateError, TypeError, ValueError, KeyError, AttributeError, IndexError,
    OverflowError, MemoryError, RecursionError,
)  # fmt: skip

# https://github.com/openai/openai-python/blob/v0.28.1/chatml.md
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# For base models that know no turn marks: plain words, ended by their own end of text.
PLAIN = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}Assistant: "
    "{{ m['content'] }}{{ eos_token }}\n{% else %}{{ m['role'] | capitalize }}: "
    "{{ m['content'] }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
# Some templates write today's date. Were it the real one, a run resumed tomorrow would
# see other tokens than it began with. A macro hides transformers' function of that name.
_DATE = (
    "{%- macro strftime_now(form) -%}{{ form | replace('%Y', '2026')"
    " | replace('%m', '01') | replace('%d', '01') | replace('%b', 'Jan')"
    " | replace('%B', 'January') | replace('%A', 'Thursday') | replace('%a', 'Thu')"
    " | replace('%H', '12') | replace('%M', '00') | replace('%S', '00')"
    " | replace('%y', '26') }}{%- endmacro -%}"
)


class ModelTokenizer:
    """The tokenizer of one model; satisfies `core.data.tokenizer.Tokenizer`."""

    def __init__(self, hf: Any, *, note: str = "") -> None:
        self.hf = hf
        """The transformers tokenizer, its chat template set; save this one."""
        self.note = note
        """A sentence if the template is not the model's own, else empty."""
        self._dated = _DATE if "strftime_now" in hf.chat_template else ""
        self._backend = hf.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._special = frozenset(hf.added_tokens_decoder) | frozenset(
            hf.all_special_ids
        )
        plain = hf("a", add_special_tokens=False)["input_ids"]
        marked = hf("a")["input_ids"]
        starts = len(marked) > len(plain) and marked[0] == hf.bos_token_id
        self._bos: int | None = hf.bos_token_id if starts else None

    @property
    def bos(self) -> int | None:
        return self._bos

    @property
    def eos(self) -> int | None:
        return self.hf.eos_token_id

    @property
    def pad_id(self) -> int:
        """What fills rows on the right; any token will do, it is never looked at."""
        if self.hf.pad_token_id is not None:
            return int(self.hf.pad_token_id)
        return int(self.hf.eos_token_id or 0)

    @property
    def renders_tools(self) -> bool:
        return "tools" in self.hf.chat_template

    def render(
        self, messages: Sequence[Message], *, tools: str, add_generation_prompt: bool
    ) -> str:
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            text = self.hf.apply_chat_template(
                turns,
                tools=_tool_list(tools) if self.renders_tools else None,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                chat_template=self._dated + self.hf.chat_template,
            )
        except _REFUSALS as err:
            raise TemplateRefusedError(str(err) or type(err).__name__) from err
        if len(text) > MOST_RENDERED_CHARS:
            message = f"it writes more than {MOST_RENDERED_CHARS:,} characters"
            raise TemplateRefusedError(message)
        return text

    def tokens(self, text: str) -> list[Token]:
        encoded = self._backend.encode(text, add_special_tokens=False)
        return [
            Token(number, start, end)
            for number, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
        ]

    def is_special(self, token: int) -> bool:
        return token in self._special

    def name_of(self, token: int) -> str:
        return str(self.hf.convert_ids_to_tokens(token))


def _tool_list(tools: str) -> list[Any] | None:
    if not tools:
        return None
    try:
        found = json.loads(tools)
    except ValueError as err:
        message = f"the tool definitions are not valid JSON: {err}"
        raise TemplateRefusedError(message) from err
    listed = found if isinstance(found, list) else [found]
    return [_as_openai(tool) for tool in listed]


def _as_openai(tool: Any) -> Any:
    """Return a tool as templates expect it; data sets often leave the wrapping out."""
    if isinstance(tool, dict) and "name" in tool and "function" not in tool:
        return {"type": "function", "function": tool}
    return tool


def open_tokenizer(folder: Path, *, template: str = "") -> ModelTokenizer:
    """Return the tokenizer in a model's or adapter's folder.

    Args:
        folder: Holds ``tokenizer.json``; nothing is fetched and no code in it is run.
        template: Empty for the model's own; ``chatml`` or ``plain``; the path of a
            Jinja file.

    Raises:
        ModelError: There is no fast tokenizer, or its template cannot be used.
    """
    try:
        hf: Any = AutoTokenizer.from_pretrained(
            folder, use_fast=True, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as err:
        raise ModelError(
            "model.tokenizer",
            f"The tokenizer in {folder.name} cannot be read: {_first_line(err)}",
            hint="Download the model again; a whole folder holds tokenizer.json.",
        ) from err
    if not getattr(hf, "is_fast", False):
        raise ModelError(
            "model.tokenizer_slow",
            f"The model in {folder.name} has no fast tokenizer (tokenizer.json).",
            hint="Choose a version of the model that has tokenizer.json.",
        )
    hf.chat_template, note = _template(hf, template)
    tokenizer = ModelTokenizer(hf, note=note)
    _probe(tokenizer)
    return tokenizer


def _first_line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0]


def _template(hf: Any, wanted: str) -> tuple[str, str]:
    """Return the template to use, and a sentence if it is not the model's own."""
    if wanted in {"chatml", "plain"}:
        text = CHATML if wanted == "chatml" else PLAIN
        return text, f"The chat template is {wanted}, as the plan says."
    if wanted:
        return _bounded(_read_template(Path(wanted))), "The chat template is your own."
    own = hf.chat_template
    if isinstance(own, dict):
        own = own.get("default") or next(iter(own.values()), None)
    if own:
        return _bounded(str(own)), ""
    vocabulary = hf.get_vocab()
    if "<|im_start|>" in vocabulary and "<|im_end|>" in vocabulary:
        return CHATML, "The model has no chat template; ChatML is used."
    return PLAIN, "The model has no chat template; “User:” and “Assistant:” are used."


def _bounded(template: str) -> str:
    if len(template) > MOST_TEMPLATE_CHARS:
        raise ModelError(
            "model.template_long",
            f"The chat template is longer than {MOST_TEMPLATE_CHARS:,} characters.",
            hint="Set data.template to chatml, or to a template file of your own.",
        )
    return template


def _read_template(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as err:
        raise ModelError(
            "model.template_missing",
            f"The chat template {path} cannot be read.",
            hint="Leave data.template empty for the model's own, or use chatml.",
        ) from err


def _probe(tokenizer: ModelTokenizer) -> None:
    """Render one short chat, so that an endless or broken template is told at once."""
    turns = [Message(role="user", content="a"), Message(role="assistant", content="b")]
    failures: list[str] = []

    def attempt() -> None:
        try:
            tokenizer.render(turns, tools="", add_generation_prompt=False)
        except TemplateRefusedError as err:
            failures.append(str(err))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(_MOST_PROBE_S)
    if thread.is_alive():
        failures.append(f"it took more than {_MOST_PROBE_S:g} seconds")
    if failures:
        raise ModelError(
            "model.template",
            f"The model's chat template does not render a short chat: {failures[0]}.",
            hint="Set data.template to chatml, or to a template file of your own.",
        )
