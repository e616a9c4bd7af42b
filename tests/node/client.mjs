/**
 * Shows a server as the official TypeScript client of the Model Context Protocol sees it.
 *
 *     node client.mjs URL legacy|auto [--lend TEXT] [--answer JSON] < calls.jsonl
 *
 * `legacy` shakes hands with `initialize`, as clients did before 2026; `auto` asks
 * `server/discover` first. Each line of standard input is one call, made in order:
 *
 *     {"tool": "crm__run_query", "arguments": {"sql": "SELECT 1"}}
 *
 * With `--lend`, the client lends the server a model that always says TEXT; with `--answer`, it
 * has a user who accepts every question with JSON.
 *
 * Standard output is one JSON document:
 *
 *     {"mode", "protocolVersion", "serverInfo", "instructions",
 *      "tools": [{"name", "description", "inputSchema", "outputSchema", "annotations"}],
 *      "results": [{"isError", "structuredContent", "content"} or {"error": {"code", "message"}}]}
 *
 * A call that the server answers with a protocol error has `error`; everything else that goes
 * wrong ends the script with status 1 and a sentence on standard error.
 */

import { createRequire } from "node:module";
import { parseArgs } from "node:util";

// The packages are those that were installed together with this Node.
const require = createRequire(process.execPath);
const { Client, ProtocolError, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");

// Milliseconds: for one request, and for everything.
const REQUEST_MAX = 30_000;
const TOTAL_MAX = 120_000;

// Pages of tools: a server that never ends its list is broken.
const PAGES_MAX = 100;

/** The calls on standard input. */
async function wantedCalls() {
  let text = "";
  for await (const part of process.stdin.setEncoding("utf8")) text += part;
  return text.split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));
}

/** A client that lends and answers what it is told to, and nothing else. */
function clientThat({ mode, lend, answer }) {
  const capabilities = { ...(lend && { sampling: {} }), ...(answer && { elicitation: { form: {} } }) };
  const options = { capabilities, versionNegotiation: { mode } };
  const client = new Client({ name: "toolhost-tests", version: "1.0.0" }, options);
  if (lend) {
    const message = { role: "assistant", content: { type: "text", text: lend }, model: "lent", stopReason: "endTurn" };
    client.setRequestHandler("sampling/createMessage", async () => message);
  }
  if (answer) {
    const content = JSON.parse(answer);
    client.setRequestHandler("elicitation/create", async () => ({ action: "accept", content }));
  }
  return client;
}

/** Every tool of the server, page after page, each with the keys that the document tells. */
async function allTools(client) {
  const tools = [];
  let cursor;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const listed = await client.listTools(cursor === undefined ? undefined : { cursor }, { timeout: REQUEST_MAX });
    tools.push(...listed.tools);
    cursor = listed.nextCursor;
    if (cursor === undefined) {
      return tools.map(({ name, description, inputSchema, outputSchema, annotations }) =>
        ({ name, description, inputSchema, outputSchema, annotations }));
    }
  }
  throw new Error(`the list of tools has more than ${PAGES_MAX} pages`);
}

/** The result of one call, or the protocol error that it met. */
async function call(client, wanted) {
  const request = { name: wanted.tool, arguments: wanted.arguments ?? {} };
  try {
    const { isError = false, structuredContent, content } = await client.callTool(request, { timeout: REQUEST_MAX });
    return { isError, structuredContent, content };
  } catch (error) {
    if (error instanceof ProtocolError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
}

/** Everything that the document tells. */
async function look(url, options, calls) {
  const client = clientThat(options);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)), { timeout: REQUEST_MAX });
  try {
    const tools = await allTools(client);
    const results = [];
    for (const wanted of calls) results.push(await call(client, wanted));
    return {
      mode: options.mode,
      protocolVersion: client.getNegotiatedProtocolVersion(),
      serverInfo: client.getServerVersion(),
      instructions: client.getInstructions(),
      tools,
      results,
    };
  } finally {
    await client.close();
  }
}

/** Says what happened, and ends with status 1. */
function fail(error) {
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
}

setTimeout(() => fail(new Error(`not done after ${TOTAL_MAX / 1000} seconds`)), TOTAL_MAX).unref();
try {
  const { values, positionals: [url, mode] } =
    parseArgs({ allowPositionals: true, options: { lend: { type: "string" }, answer: { type: "string" } } });
  if (!url || !["legacy", "auto"].includes(mode)) throw new Error("it needs a URL, and `legacy` or `auto`");
  const document = await look(url, { mode, ...values }, await wantedCalls());
  console.log(JSON.stringify(document, null, 2));
} catch (error) {
  fail(error);
}
