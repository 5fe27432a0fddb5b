import type { Entry, Posting } from "./accounts.js";
import { parseMoney } from "./money.js";

export class JournalError extends Error {
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(`line ${line}: ${message}`);
  }
}

const HEAD = /^(\d{4}-\d{2}-\d{2})\s+(.+)$/;
const POSTING = /^\s+([\w:]+)\s+(-?[\d'.]+)\s+([A-Z]{3})$/;

/**
 * Reads a journal: a date and a text begin an entry, indented lines are its postings,
 * `;` begins a comment.
 */
export function parseJournal(source: string): Entry[] {
  const entries: { date: string; text: string; postings: Posting[] }[] = [];
  source.split("\n").forEach((raw, index) => {
    const line = raw.replace(/;.*$/, "").trimEnd();
    if (line === "") {
      return;
    }
    const head = HEAD.exec(line);
    if (head) {
      entries.push({ date: head[1], text: head[2], postings: [] });
      return;
    }
    const posting = POSTING.exec(line);
    const entry = entries.at(-1);
    if (!posting || !entry) {
      throw new JournalError(index + 1, `neither an entry nor a posting: ${line.trim()}`);
    }
    try {
      const amount = parseMoney(posting[2], posting[3]);
      entry.postings.push({ account: posting[1], amount });
    } catch (error: any) {
      throw new JournalError(index + 1, error.message);
    }
  });
  return entries;
}
