// An agent on the official `openai` package, which knows nothing of who runs it: `tests/foreign/programs.rs` does.
//
//     npm install openai

const assert = require("node:assert");
const fs = require("node:fs");
const OpenAI = require("openai");

const add = {
  type: "function",
  function: {
    name: "add",
    description: "Adds.",
    parameters: {
      type: "object",
      properties: { a: { type: "integer" }, b: { type: "integer" } },
      required: ["a", "b"],
    },
  },
};
const user = (content) => ({ role: "user", content });

async function main() {
  const task = JSON.parse(fs.readFileSync(0, "utf8"));
  assert.deepStrictEqual(task, JSON.parse(process.env.TASK));
  const client = new OpenAI(); // address and key from the environment
  const model = process.env.OPENAI_MODEL;
  const create = (body) => client.chat.completions.create({ model, ...body });

  let streamed = "";
  for await (const chunk of await create({ messages: [user(task.question)], stream: true })) {
    streamed += chunk.choices.map((choice) => choice.delta.content ?? "").join("");
  }

  const asked = [0, 1, 2].map((number) => create({ messages: [user(`${task.question} (${number})`)] }));
  for (const answer of await Promise.all(asked)) {
    assert.strictEqual(answer.choices[0].message.content, streamed);
  }

  const messages = [{ role: "system", content: process.env.SYSTEM }, user(task.question)];
  const said = (await create({ messages, tools: [add] })).choices[0].message;
  const [call] = said.tool_calls;
  const { a, b } = JSON.parse(call.function.arguments);
  messages.push(said, { role: "tool", tool_call_id: call.id, content: String(a + b) });
  const last = await create({ messages, tools: [add] });
  assert.strictEqual(last.choices[0].message.content, streamed);
  console.log(streamed);
}

main();
