"""Shows a server as a Python client of the Model Context Protocol sees it.

    python client.py URL legacy|auto [--library mcp|fastmcp] [--lend TEXT] [--answer JSON] < calls.jsonl

The library is the official one, `mcp`, or another. `legacy` shakes hands with `initialize`, as
clients did before 2026; `auto` asks `server/discover` first. Each line of standard input is one
call, made in order:

    {"tool": "crm__run_query", "arguments": {"sql": "SELECT 1"}}

With `--lend`, the client lends the server a model that always says TEXT; with `--answer`, it has a
user who accepts every question with JSON.

Standard output is one JSON document:

    {"mode", "protocolVersion", "serverInfo", "instructions",
     "tools": [{"name", "description", "inputSchema", "outputSchema", "annotations"}],
     "results": [{"isError", "structuredContent", "content"} or {"error": {"code", "message"}}]}

A call that the server answers with a protocol error has `error`; everything else that goes
wrong ends the script with status 1 and a sentence on standard error.
"""

import argparse
import json
import sys

import anyio
import mcp_types
from mcp import Client, MCPError

# Seconds: for one request, and for everything.
REQUEST_MAX = 30
TOTAL_MAX = 120

# Pages of tools: a server that never ends its list is broken.
PAGES_MAX = 100


def plain(model):
    """The model as the JSON that was on the wire."""
    return None if model is None else model.model_dump(mode="json", by_alias=True, exclude_none=True)


def lent(text):
    """The model that is lent; none if there is nothing that it says. Any library may ask it."""

    async def say(*_question):
        content = mcp_types.TextContent(type="text", text=text)
        return mcp_types.CreateMessageResult(role="assistant", model="lent", stop_reason="endTurn", content=content)

    return None if text is None else say


def user(answer):
    """The user who is asked; none if there is nothing that they answer. Any library may ask them."""

    async def accept(*_question):
        return mcp_types.ElicitResult(action="accept", content=json.loads(answer))

    return None if answer is None else accept


def official(options):
    """The official client; how it lists a page of tools, and how it calls one."""
    client = Client(
        options.url,
        mode=options.mode,
        read_timeout_seconds=REQUEST_MAX,
        sampling_callback=lent(options.lend),
        elicitation_callback=user(options.answer),
    )
    return client, client.list_tools, client.call_tool


def fast(options):
    """The client of fastmcp, in the same three parts."""
    import fastmcp  # It takes a second, which the other library need not wait for.

    client = fastmcp.Client(
        options.url,
        mode=options.mode,
        timeout=REQUEST_MAX,
        sampling_handler=lent(options.lend),
        elicitation_handler=user(options.answer),
    )
    return client, client.list_tools_mcp, client.call_tool_mcp


LIBRARIES = {"mcp": official, "fastmcp": fast}


async def all_tools(list_page):
    """Every tool of the server, page after page."""
    tools, cursor = [], None
    for _ in range(PAGES_MAX):
        page = await list_page(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise ValueError(f"the list of tools has more than {PAGES_MAX} pages")


async def call(call_tool, wanted):
    """The result of one call, or the protocol error that it met."""
    try:
        result = await call_tool(wanted["tool"], wanted.get("arguments", {}))
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "isError": result.is_error,
        "structuredContent": result.structured_content,
        "content": [plain(part) for part in result.content],
    }


async def look(options, calls):
    """Everything that the document tells."""
    opened, list_page, call_tool = LIBRARIES[options.library](options)
    with anyio.fail_after(TOTAL_MAX):
        async with opened as client:
            tools = [plain(tool) for tool in await all_tools(list_page)]
            kept = ("name", "description", "inputSchema", "outputSchema", "annotations")
            return {
                "mode": options.mode,
                "protocolVersion": client.protocol_version,
                "serverInfo": plain(client.server_info),
                "instructions": client.instructions,
                "tools": [{key: tool.get(key) for key in kept} for tool in tools],
                "results": [await call(call_tool, wanted) for wanted in calls],
            }


def innermost(error):
    """What really happened, out of the groups that tasks wrap it in."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="where the server speaks streamable HTTP")
    parser.add_argument("mode", choices=["legacy", "auto"])
    parser.add_argument("--library", choices=LIBRARIES, default="mcp", help="whose client it is")
    parser.add_argument("--lend", metavar="TEXT", help="what the client's own model says")
    parser.add_argument("--answer", metavar="JSON", help="what the client's user answers")
    options = parser.parse_args()
    try:
        calls = [json.loads(line) for line in sys.stdin if line.strip()]
        document = anyio.run(look, options, calls)
    except Exception as error:
        error = innermost(error)
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
