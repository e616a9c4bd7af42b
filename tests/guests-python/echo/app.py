"""The guest `good`'s tool `echo`, in Python: what a big component costs."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.tools import Annotations, Outcome, TaskUse, Tool
from wit_world.imports.content import Content_Text, Part
from wit_world.imports.types import Error, ErrorKind

ARGUMENTS = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "The text of the answer."},
        "payload": {"type": ["object", "null"], "description": "Any object, to be given back beside it."},
    },
    "required": ["message"],
    "additionalProperties": False,
}

ECHO = Tool(
    name="echo",
    title="Echo",
    description="Answers with what it was given.",
    input_schema=json.dumps(ARGUMENTS),
    output_schema=None,
    annotations=Annotations(read_only=True, destructive=None, idempotent=True, open_world=False),
    task_use=TaskUse.WHEN_SLOW,
    keywords=[],
    icons=[],
    meta=None,
)


def echo(message: str, payload: dict | None = None) -> Outcome:
    """Answers with what it was given."""
    answer = {"message": message}
    if payload is not None:
        answer["payload"] = payload
    text = Part(content=Content_Text(message), annotations=None, meta=None)
    return Outcome(content=[text], structured=json.dumps(answer), meta=None)


class Tools(exports.Tools):
    """What the contract's interface `tools` asks for."""

    def describe(self) -> list[Tool]:
        return [ECHO]

    def call(self, name: str, arguments: str) -> Outcome:
        if name == ECHO.name:
            return echo(**json.loads(arguments))
        raise Err(Error(ErrorKind.NOT_FOUND, f"There is no tool `{name}`.", None))
