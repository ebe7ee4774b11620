// Label selectors (spec/api.md, section 13): which nodes a roll-out, a schedule or a policy would be about.

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

/** Why a text is no selector. */
export class BadSelector extends Error {
  override readonly name = "BadSelector";
}

const LABEL = /^[a-z0-9._:-]{1,128}$/;

/** Reads a selector; an empty one selects every node. */
export function selector(text: string): Requirement {
  if (text.trim() === "") return () => true;
  const all = parts(text).map(requirement);
  return (labels) => all.every((holds) => holds(labels));
}

/** What stands between the commas that are in no parentheses. */
function parts(text: string): string[] {
  const found: string[] = [];
  let [depth, from] = [0, 0];
  [...text].forEach((character, at) => {
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "," && depth === 0) {
      found.push(text.slice(from, at));
      from = at + 1;
    }
  });
  return [...found, text.slice(from)].map((part) => part.trim());
}

function label(text: string): string {
  const name = text.trim();
  if (!LABEL.test(name)) throw new BadSelector(`"${name}" is no label`);
  return name;
}

function value(text: string): string {
  const word = text.trim();
  if (/[\s=!,()]/.test(word)) throw new BadSelector(`"${word}" is no value`);
  return word;
}

function requirement(text: string): Requirement {
  if (text.startsWith("!")) {
    const name = label(text.slice(1));
    return (labels) => labels[name] === undefined;
  }
  const among = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (among !== null) {
    const [name, values] = [label(among[1] ?? ""), new Set((among[3] ?? "").split(",").map(value))];
    const wanted = among[2] === "in";
    return (labels) => (labels[name] === undefined ? !wanted : values.has(labels[name]) === wanted);
  }
  const compared = /^([^=!]+)(==|!=|=)(.*)$/.exec(text);
  if (compared !== null) {
    const [name, word] = [label(compared[1] ?? ""), value(compared[3] ?? "")];
    return compared[2] === "!=" ? (labels) => labels[name] !== word : (labels) => labels[name] === word;
  }
  const name = label(text);
  return (labels) => labels[name] !== undefined;
}
