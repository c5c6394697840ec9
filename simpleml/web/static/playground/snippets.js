/** One request as a line for curl, Python and JavaScript, each ready to run. */

/** Inside single quotes of a POSIX shell. */
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** JSON's constants as Python spells them, outside of strings. */
function python(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return JSON.stringify(value);
}

/**
 * @param {string} origin of the server, such as http://localhost:8280
 * @param {string} model
 * @param {Record<string, any>} body the fields of POST /<model>
 * @param {boolean} withKey
 */
export function snippets(origin, model, body, withKey) {
  const address = `${origin}/${model}`;
  const json = JSON.stringify(body);
  const fields = Object.entries(body)
    .map(([name, value]) => `    ${JSON.stringify(name)}: ${python(value)},`)
    .join("\n");
  const whole = Boolean(body.originality); // the text alone could not say what is copied
  const curlHeaders =
    (withKey ? ` -H "Authorization: Bearer $SIMPLEML_API_KEY"` : "") +
    (whole ? " -H 'Accept: application/json'" : "");
  const pythonHeaders = [
    ...(withKey ? [`"Authorization": "Bearer " + os.environ["SIMPLEML_API_KEY"]`] : []),
    ...(whole ? [`"Accept": "application/json"`] : []),
  ].join(", ");
  const javascriptHeaders = [
    ...(withKey ? ["Authorization: `Bearer ${SIMPLEML_API_KEY}`"] : []),
    ...(whole ? [`Accept: "application/json"`] : []),
  ].join(", ");
  return {
    curl: `curl -s${curlHeaders} ${shell(address)} -d ${shell(json)}`,
    python:
      `import json${withKey ? ", os" : ""}, urllib.request\n\n` +
      `body = {\n${fields}\n}\n` +
      `request = urllib.request.Request(${JSON.stringify(address)}, ` +
      `json.dumps(body).encode()${pythonHeaders && `, headers={${pythonHeaders}}`})\n` +
      (whole
        ? `answer = json.load(urllib.request.urlopen(request))\n` +
          `print(answer["text"])\nprint(answer["originality"]["longest"])`
        : `print(urllib.request.urlopen(request).read().decode())`),
    javascript:
      `const answer = await fetch(${JSON.stringify(address)}, {\n` +
      `  method: "POST",${javascriptHeaders && `\n  headers: { ${javascriptHeaders} },`}\n` +
      `  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),\n` +
      (whole
        ? `});\nconst { text, originality } = await answer.json();\nconsole.log(text, originality);`
        : `});\nconsole.log(await answer.text());`),
  };
}
