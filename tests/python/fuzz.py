"""Fuzzes a server with mcp-fuzzer, and tells what that found.

    python fuzz.py URL 2025-11-25|2026-07-28 [--seed N] [--runs N]

mcp-fuzzer calls every tool with arguments that are odd or wrong, and sends odd or wrong messages
of every kind. It counts each of them that is answered without an error as accepted, even where
nothing was wrong with it. So what it counts is judged here: arguments by the tool's own input
schema, and messages by the schema of that revision.

Standard output is one JSON document:

    {"tools", "runs", "rejected", "accepted": how many,
     "violations": [{"target", "input", "why"}] that were accepted against a schema,
     "unanswered": [{"target", "why"}] calls of tools that had no answer,
     "faults": [{"category", "target", "detail", ..}] such as a crash, a hang or a stack trace}

Everything that goes wrong otherwise ends the script with status 1 and a sentence on standard error.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import anyio
import mcp_fuzzer
from jsonschema import Draft202012Validator, SchemaError
from mcp import Client

import client as looking

# Seconds: for one request, and for everything.
REQUEST_MAX = 10
TOTAL_MAX = 240

# What mcp-fuzzer may find that is always a fault of the server. It also reports that a dangerous word
# came back, which is what a tool that echoes is for.
FAULTS = {"crash", "hang", "oversized_response", "internal_error", "error_leakage", "memory_growth"}

# How the exceptions begin that it meets where nothing went wrong: it could not send the call, or it knows neither the
# status of the refusal nor its code.
HARMLESS = ("Out of range float values are not JSON compliant", "HTTP 4")


async def tools_of(url):
    """Every tool, by name."""
    async with Client(url, mode="auto", read_timeout_seconds=REQUEST_MAX) as client:
        return {tool.name: looking.plain(tool) for tool in await looking.all_tools(client.list_tools)}


def fuzz(options, folder):
    """Runs mcp-fuzzer: its findings, and the outcome of each call of a tool."""
    command = [sys.executable, "-m", "mcp_fuzzer", "--mode", "all", "--phase", "both", "--protocol-phase", "aggressive"]
    command += ["--protocol", "streamablehttp", "--endpoint", options.url, "--no-network", "--no-corpus"]
    command += ["--runs", str(options.runs), "--runs-per-type", str(options.runs)]
    command += ["--seed", str(options.seed), "--timeout", str(REQUEST_MAX)]
    command += ["--spec-schema-version", options.revision, "--output-dir", folder, "--export-xml", "runs.xml"]
    command += ["--fail-if-no-tools", "--log-level", "ERROR"]
    # It keeps a folder of its own at home.
    environment = {**os.environ, "HOME": folder}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TOTAL_MAX)
    if ended.returncode != 0:
        raise RuntimeError(f"mcp-fuzzer ended with {ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    findings = json.loads(Path(folder, "findings.json").read_text())["findings"]
    document = xml.etree.ElementTree.parse(Path(folder, "runs.xml"))
    calls = []
    for tool in document.iter("tool"):
        for run in tool.iter("result"):
            fields = {field.get("name"): field.text or "" for field in run.findall("field")}
            calls.append({"target": tool.get("name"), **fields})
    return findings, calls


@functools.cache
def schema_of_messages(revision):
    """The schema of a revision, as mcp-fuzzer ships it, and the method of each kind of message."""
    folder = Path(mcp_fuzzer.__file__).parent / "schemas/mcp-spec/schema"
    schema = json.loads((folder / revision / "schema.json").read_text())
    definitions = schema["$defs"] if "$defs" in schema else schema["definitions"]
    methods = {}
    for name, definition in definitions.items():
        method = definition.get("properties", {}).get("method", {}).get("const")
        if method is not None:
            methods[name] = method
    return schema, methods


def schema_of_arguments(tools, name):
    """The input schema of a tool; one that came or went meanwhile may be called with anything."""
    return tools.get(name, {}).get("inputSchema", {})


def complaint(schema, instance):
    """Why an instance does not fit; nothing if it does."""
    try:
        error = next(Draft202012Validator(schema).iter_errors(instance), None)
    except SchemaError as broken:
        return f"the schema itself: {broken.message}"
    return None if error is None else f"{error.json_path}: {error.message}"


def as_sent(finding, methods, revision):
    """The message of a finding as it was on the wire.

    mcp-fuzzer sends its parameters alone: the method is that of the kind of message, if it has a kind,
    and the transport adds the rest.
    """
    message = finding["evidence"]["input"]
    own_method, parameters = (message.get(key) if isinstance(message, dict) else None for key in ("method", "params"))
    if not isinstance(parameters, dict):
        parameters = {}
    if revision >= "2026":
        facts = {"protocolVersion": revision, "clientCapabilities": {}}
        added = {f"io.modelcontextprotocol/{name}": value for name, value in facts.items()}
        own = parameters.get("_meta")
        parameters = {**parameters, "_meta": {**added, **own} if isinstance(own, dict) else added}
    method = methods.get(finding["target"], own_method)
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


def judged(finding, tools, revision):
    """Why a server should have refused what it accepted; nothing if it rightly did not.

    A notification is never refused, and a result may say itself that it is an error.
    """
    evidence = finding["evidence"]
    if finding["kind"] == "tool":
        return complaint(schema_of_arguments(tools, finding["target"]), evidence["input"])
    schema, methods = schema_of_messages(revision)
    sent = as_sent(finding, methods, revision)
    answer = evidence.get("result")
    response = answer.get("response") if isinstance(answer, dict) else None
    if finding["target"].endswith("Notification") or (isinstance(response, dict) and response.get("isError")):
        return None
    kind = next((kind for kind, method in methods.items() if method == sent["method"]), None)
    if kind is None:
        return f"there is no method {sent['method']}"
    part = "$defs" if "$defs" in schema else "definitions"
    why = complaint({**schema, "$ref": f"#/{part}/{kind}"}, sent)
    if why is None and sent["method"] == "tools/call":
        arguments = sent["params"].get("arguments") or {}
        why = complaint(schema_of_arguments(tools, sent["params"]["name"]), arguments)
    return why


def told(options):
    """The document."""
    tools = anyio.run(tools_of, options.url)
    with tempfile.TemporaryDirectory(prefix="toolhost-fuzz-") as folder:
        findings, calls = fuzz(options, folder)
    violations = []
    for finding in findings:
        if finding["category"] == "accepted_malformed":
            why = judged(finding, tools, options.revision)
            if why is not None:
                violations.append({"target": finding["target"], "input": finding["evidence"]["input"], "why": why})
    outcomes = [call["outcome"] for call in calls]
    unanswered = [
        {"target": call["target"], "why": call.get("exception") or call["outcome"]}
        for call in calls
        if call["outcome"] not in ("accepted_malformed", "server_rejected", "safety_blocked")
        and not call.get("exception", "").startswith(HARMLESS)
    ]
    return {
        "tools": len(tools),
        "runs": len(calls),
        "rejected": outcomes.count("server_rejected"),
        "accepted": outcomes.count("accepted_malformed"),
        "violations": violations,
        "unanswered": unanswered,
        "faults": [finding for finding in findings if finding["category"] in FAULTS],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="where the server speaks streamable HTTP")
    parser.add_argument("revision", choices=["2025-11-25", "2026-07-28"])
    parser.add_argument("--seed", type=int, default=1, help="where its chance begins")
    parser.add_argument("--runs", type=int, default=10, help="calls of each tool, and messages of each kind")
    options = parser.parse_args()
    try:
        document = told(options)
    except Exception as error:
        error = looking.innermost(error)
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
