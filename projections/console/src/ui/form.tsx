// Fields of forms.

import type { ComponentProps, ReactNode } from "react";

const BOX = "mt-0.5 w-full rounded border border-line bg-raised px-2 py-1 text-sm text-ink placeholder:text-faint";

/** A label above what it names, and below it what to know. */
export const Field = ({ label, hint, children, className = "" }: { label: string; hint?: ReactNode; children: ReactNode; className?: string }) => (
  <label className={`block text-xs text-soft ${className}`}>
    {label}
    {children}
    {hint !== undefined && <span className="mt-0.5 block text-faint">{hint}</span>}
  </label>
);

export const Text = ({ className = "", ...rest }: ComponentProps<"input">) => <input autoComplete="off" spellCheck={false} {...rest} className={`${BOX} ${className}`} />;

export const Area = ({ className = "", ...rest }: ComponentProps<"textarea">) => <textarea spellCheck={false} {...rest} className={`${BOX} ${className}`} />;

export const Choice = ({ options, ...rest }: ComponentProps<"select"> & { options: readonly (string | readonly [string, string])[] }) => (
  <select {...rest} className={BOX}>
    {options.map((one) => (typeof one === "string" ? <option key={one}>{one}</option> : <option key={one[0]} value={one[0]}>{one[1]}</option>))}
  </select>
);

/** A text of a form; empty ones are not there. */
export function text(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

export function number(form: FormData, name: string): number | undefined {
  const value = text(form, name);
  return value === undefined ? undefined : Number(value);
}

/** `NAME=VALUE`, one a line. */
export function pairs(value: string | undefined): Record<string, string> {
  const lines = (value ?? "").split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}
