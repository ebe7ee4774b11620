/** Where the console lies, with a slash at both ends: the service says so in the page's base. */
export const CONSOLE = new URL("./", document.baseURI).pathname;

/** Where the service lies, without a slash at the end: the console is one folder of it. */
export const SERVICE = CONSOLE.replace(/console\/$/, "").replace(/\/$/, "");
