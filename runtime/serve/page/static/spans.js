// Text and entities -> parts to show. Offsets count code points; JavaScript's strings count UTF-16 units, so that the
// text is taken apart into code points first.

export function parts(text, entities) {
  const points = Array.from(text);
  const made = [];
  let done = 0;
  for (const entity of entities) {
    // With a token-by-token aggregation two entities may share a character; each is shown from where the last one ended.
    const start = Math.max(entity.start, done);
    if (entity.end <= start) continue;
    if (start > done) made.push({ text: points.slice(done, start).join("") });
    made.push({ text: points.slice(start, entity.end).join(""), entity });
    done = entity.end;
  }
  if (done < points.length) made.push({ text: points.slice(done).join("") });
  return made;
}

// The same type has the same hue in every text, whatever else is in it; "B-PER" and "I-PER" share that of "PER".
export function hue(label, types) {
  const place = types.indexOf(label.replace(/^[A-Z]-/, ""));
  return (Math.max(place, 0) * 137 + 205) % 360;
}

// A file's texts: the lines of a .jsonl, which are strings or have a field "text"; all of a .txt as one text.
export function textsOf(name, content) {
  if (!/\.(jsonl|ndjson)$/i.test(name)) return [content];
  return content.split("\n").filter((line) => line.trim()).map((line, number) => {
    let value;
    try { value = JSON.parse(line); } catch { throw new Error(`line ${number + 1} of ${name} is not JSON`); }
    const text = typeof value === "string" ? value : value && value.text;
    if (typeof text !== "string") throw new Error(`line ${number + 1} of ${name} is no string and has no "text"`);
    return text;
  });
}
