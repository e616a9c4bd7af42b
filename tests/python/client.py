"""Shows a server as the official Python client of the Model Context Protocol sees it.

    python client.py URL legacy|auto [--lend TEXT] < calls.jsonl

`legacy` shakes hands with `initialize`, as clients did before 2026; `auto` asks
`server/discover` first. Each line of standard input is one call, made in order:

    {"tool": "crm__run_query", "arguments": {"sql": "SELECT 1"}}

With `--lend`, the client lends the server a model that always says TEXT.

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


async def all_tools(client):
    """Every tool of the server, page after page."""
    tools, cursor = [], None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise ValueError(f"the list of tools has more than {PAGES_MAX} pages")


async def call(client, wanted):
    """The result of one call, or the protocol error that it met."""
    try:
        result = await client.call_tool(wanted["tool"], wanted.get("arguments", {}))
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "isError": result.is_error,
        "structuredContent": result.structured_content,
        "content": [plain(part) for part in result.content],
    }


def lent(text):
    """The model that is lent; none if there is nothing that it says."""

    async def answer(context, params):
        content = mcp_types.TextContent(type="text", text=text)
        return mcp_types.CreateMessageResult(role="assistant", model="lent", stop_reason="endTurn", content=content)

    return None if text is None else answer


async def look(url, mode, calls, model):
    """Everything that the document tells."""
    with anyio.fail_after(TOTAL_MAX):
        async with Client(
            url, mode=mode, read_timeout_seconds=REQUEST_MAX, sampling_callback=model
        ) as client:
            tools = [plain(tool) for tool in await all_tools(client)]
            kept = ("name", "description", "inputSchema", "outputSchema", "annotations")
            return {
                "mode": mode,
                "protocolVersion": client.protocol_version,
                "serverInfo": plain(client.server_info),
                "instructions": client.instructions,
                "tools": [{key: tool.get(key) for key in kept} for tool in tools],
                "results": [await call(client, wanted) for wanted in calls],
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
    parser.add_argument("--lend", metavar="TEXT", help="what the client's own model says")
    options = parser.parse_args()
    try:
        calls = [json.loads(line) for line in sys.stdin if line.strip()]
        document = anyio.run(look, options.url, options.mode, calls, lent(options.lend))
    except Exception as error:
        error = innermost(error)
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
