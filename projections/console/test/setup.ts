// What modules look at when they are loaded, outside of a browser.
const kept = new Map<string, string>();
const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value), removeItem: (name: string) => void kept.delete(name) };
Object.assign(globalThis, {
  localStorage: storage, sessionStorage: storage, location: { href: "http://127.0.0.1/console/", hash: "" },
  document: { baseURI: "http://127.0.0.1/console/", addEventListener: () => undefined, visibilityState: "visible" },
  addEventListener: () => undefined,
});
