// The page: one request at a time, and its answer. What the user gave becomes text nodes, never markup.

import { hue, parts, textsOf } from "./spans.js";

const byId = (id) => document.getElementById(id);
let types = [];
let latest = 0;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function say(sentence, isError = false) {
  const status = byId("status");
  status.textContent = sentence;
  status.classList.toggle("error", isError);
}

function request(texts) {
  const body = { texts };
  if (byId("aggregation").value !== "word") body.aggregation = byId("aggregation").value;
  if (byId("constrained").checked) body.constrained = true;
  return body;
}

async function ask(texts) {
  const mine = ++latest;
  const body = request(texts);
  const key = byId("key").value.trim();
  const headers = { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  say("…");
  const began = performance.now();
  try {
    const reply = await fetch("/tag", { method: "POST", headers, body: JSON.stringify(body) });
    // What stands before this server, and answers in its place, answers by a page.
    const answer = await reply.json().catch(() => ({}));
    if (mine !== latest) return;
    if (!reply.ok) throw new Error(answer.error || `the server answered ${reply.status}`);
    show(texts, answer.entities, body, performance.now() - began);
  } catch (error) {
    if (mine !== latest) return;
    refuse(error instanceof TypeError ? "The server cannot be reached." : error.message);
  }
}

function refuse(message) {
  byId("answer").hidden = byId("raw").hidden = true;
  say(sentence(message), true);
}

function sentence(message) {
  const whole = message.trim();
  return whole.charAt(0).toUpperCase() + whole.slice(1) + (/[.!?]$/.test(whole) ? "" : ".");
}

function show(texts, answers, body, milliseconds) {
  const count = answers.reduce((sum, found) => sum + found.length, 0);
  say(`${count} ${count === 1 ? "entity" : "entities"} in ${milliseconds.toFixed(1)} ms, there and back`);
  byId("marked").replaceChildren(...texts.map((text, number) => marked(text, answers[number])));
  byId("legend").replaceChildren(...legend(answers.flat()));
  byId("json").textContent = JSON.stringify({ entities: answers }, null, 1);
  byId("curl").textContent = curl(body);
  byId("answer").hidden = byId("raw").hidden = false;
}

function marked(text, entities) {
  const paragraph = element("p", { dir: "auto" });
  for (const part of parts(text, entities)) {
    if (!part.entity) { paragraph.append(part.text); continue; }
    const { label, score } = part.entity;
    const title = `${label}, score ${score.toFixed(4)}`;
    const mark = element("mark", { tabindex: "0", title, "aria-label": `${part.text}: ${title}` }, part.text);
    mark.append(element("span", { class: "label", "aria-hidden": "true" }, label));
    mark.append(element("span", { class: "score", "aria-hidden": "true" }, score.toFixed(3)));
    mark.style.setProperty("--hue", hue(label, types));
    paragraph.append(mark);
  }
  return paragraph;
}

function legend(entities) {
  const counts = new Map();
  for (const { label } of entities) counts.set(label, (counts.get(label) || 0) + 1);
  return [...counts].sort().map(([label, count]) => {
    const item = element("li", {}, `${label} ${count}`);
    item.style.setProperty("--hue", hue(label, types));
    return item;
  });
}

function curl(body) {
  // A single quote ends a shell's string; what stands for it inside one is '\''.
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  const key = byId("key").value.trim() ? " -H \"Authorization: Bearer $NERVE_API_KEY\"" : "";
  return `curl ${location.origin}/tag -H 'Content-Type: application/json'${key} -d '${json}'`;
}

async function open(file) {
  if (!file) return;
  try {
    const texts = textsOf(file.name, await file.text());
    byId("text").value = texts.join("\n");
    await ask(texts);
  } catch (error) { refuse(error.message); }
}

function copies(button, source) {
  byId(button).addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(byId(source).textContent); say("Copied."); } catch {
      getSelection().selectAllChildren(byId(source));
      say("Selected: copy it with Ctrl+C.");
    }
  });
}

async function served() {
  const info = await (await fetch("/info")).json();
  types = info.types;
  const { file, backend, precision, device } = info.candidate;
  byId("served").textContent = `${info.bundle.folder}: ${file} on ${backend} in ${precision}, ${device}`;
  const held = info.certificate;
  const changed = held?.measured.changed_per_10k;
  byId("certificate").textContent = held
    ? `Certified on ${held.corpus.split("/").slice(-2).join("/")}: ${held.passed ? "passed" : "failed"}` +
      `${changed == null ? "" : `, with ${changed.toFixed(1)} of 10,000 labels changed against the checkpoint`}. ` +
      `Bundle ${info.bundle.sha256.slice(0, 12)}.`
    : "Not certified.";
}

byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask([byId("text").value]); });
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask([byId("text").value]); }
});
byId("file").addEventListener("change", (event) => open(event.target.files[0]));
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("drop"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("drop"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("drop");
  open(event.dataTransfer.files[0]);
});
copies("copy-json", "json");
copies("copy-curl", "curl");
served().catch(() => { byId("served").textContent = "this server says nothing of itself without its key"; });
