"""What a language model answered, without what it thought and without the marks of its template.

The one cleaner of replies and captions: the reader of caption tables and every writer use it. Splitting an
answer into sentences is in `traces_core.captions.sentences`, finding JSON in it in `text.writers.replies`.
"""

from __future__ import annotations

import re

_THOUGHTS = (
    r"(?:[a-z]{1,20}[:_])?"
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|monologue|rationale)"
)
"""Some models put their name before it: `<seed:think>`, `<longcat_think>`."""
_PLAIN = re.compile(r"(?!analysis)[^<\[◁`~\\]*")
"""Text without any mark: most of it."""
_THOUGHT = re.compile(
    rf"<\|(?:begin|start|(?P<end>end))_(?:of_)?{_THOUGHTS}\|>|<\|?(?P<close>/?){_THOUGHTS}\s*\|?>"
    rf"|◁(?P<kimi>/?){_THOUGHTS}▷|(?-i:\[(?P<mistral>/?)THINK\])|<unused(?:94|(?P<gemma>95))>",
    re.I,
)
"""Begin or, where one of its groups holds something, end of a thought."""
_CHANNEL = re.compile(
    r"<\|channel\|?>\s*([a-z]{1,20})\b[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,80})?(?:<\|message\|>|\n)", re.I
)
"""`<|channel|>analysis<|message|>` (Harmony), `<|channel>thought` and the end of its line (Gemma)."""
_CHANNEL_END = re.compile(r"<channel\|>|<\|(?:end|return|start|call)\|>")
_BARE_CHANNELS = re.compile(r"\Aanalysis(?=\S).*assistantfinal", re.S)
"""Harmony where the server left its special tokens out."""
_ANSWER = r"(?:final|(?:final_)?(?:answer|response|solution|conclusion|caption|output))"
_BOX = re.compile(
    rf"<{_ANSWER}>(.*?)(?:</{_ANSWER}>|\Z)"
    r"|<\|begin_of_(?:box|solution)\|>(.*?)(?:<\|end_of_(?:box|solution)\|>|\Z)"
    r"|\[BEGIN FINAL RESPONSE\](.*?)(?:\[END FINAL RESPONSE\]|\Z)",
    re.I | re.S,
)
_BOXED = re.compile(r"\\boxed\s*\{")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}")
_TOKEN = re.compile(
    r"(?:<\|im_start\|>|<start_of_turn>)(?:assistant|model)\n"
    r"|<\|start_header_id\|>assistant(?=<\|end_header_id\|>)"
    r"|<\|[^<>|\s]{1,40}\|>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad)>|\[/?INST\]"
    rf"|(?i:<{_THOUGHTS}\s*/>)"
)
_FENCE = re.compile(r"(?:```|~~~)(?:[\w+-]*[ \t]*(?:\n|\Z))?")


def answer(text: str) -> str:
    """What a model answered: thoughts, channels, answer boxes, fences and special tokens are taken off.

    A thought ends at the last mark that closes one, whether or not one was opened (templates open it for the
    model), and one that was never closed lasts to the end. Of channels and of boxes the last is the answer.

    Returns
    -------
    str
        Empty where nothing but thoughts was said; text without such marks is given back as it is, stripped.

    Examples
    --------
    >>> answer("They fight? No.</think>\\n\\nTwo men hug."), answer("<thinking>A thief, or")
    ('Two men hug.', '')
    >>> answer("<|channel|>analysis<|message|>A gun?<|end|><|channel|>final<|message|>A toy gun lies there.")
    'A toy gun lies there.'
    """
    text = _BARE_CHANNELS.sub("", text)
    if _PLAIN.fullmatch(text):
        return text.strip()
    said = _without_thoughts(_channelled(_BARE_CHANNELS.sub("", text)))
    return _FENCE.sub("", _TOKEN.sub("", _unboxed(said))).strip()


def text_of(content: object) -> str | None:
    """The text of a message's `content`: text, parts of text, or nothing; None where it is none of these.

    Parts that are no text, such as `{"type": "thinking", ...}`, are left out.

    Examples
    --------
    >>> text_of([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A man walks."}])
    'A man walks.'
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, str | dict) for part in content):
        return None
    texts = [
        part if isinstance(part, str) else part.get("text")
        for part in content
        if isinstance(part, str) or part.get("type", "text") in ("text", "output_text")
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _channelled(text: str) -> str:
    """What stands in the last channel for answers, or after the last of the others; all where none begins."""
    channels = list(_CHANNEL.finditer(text))
    if not channels:
        return text
    answers = [one for one in channels if one[1].lower() in ("final", "response", "answer")]
    if answers:
        return _CHANNEL_END.split(text[answers[-1].end() :])[0]
    ended = _CHANNEL_END.search(text, channels[-1].end())
    return text[ended.end() :] if ended else ""


def _without_thoughts(text: str) -> str:
    """What is outside of thoughts; where an end has no begin, all before it was thought."""
    said: list[str] = []
    start, is_thought = 0, False
    for mark in _THOUGHT.finditer(text):
        if any(mark.groups()):
            said = said if is_thought else []
            start, is_thought = mark.end(), False
        elif not is_thought:
            said.append(text[start : mark.start()])
            is_thought = True
    return " ".join(said if is_thought else [*said, text[start:]])


def _unboxed(text: str) -> str:
    """What stands in the last box, where there is one."""
    if boxes := list(_BOX.finditer(text)):
        text = next(filter(None, boxes[-1].groups()), "")
    if not (starts := list(_BOXED.finditer(text))):
        return text
    depth, start = 1, starts[-1].end()
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return _TEXT.sub(r"\1", text[start:place])
    return _TEXT.sub(r"\1", text[start:])
