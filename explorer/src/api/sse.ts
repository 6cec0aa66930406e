/** Server-Sent Events out of chunks of text, as the HTML standard defines them. */

export interface SseMessage {
  event: string;
  data: string;
  /** The last id seen so far, which may come from an earlier message. */
  id: string | null;
}

/** Longest unfinished line or message that is kept; more than this is no event of ours. */
const MAX_PENDING = 32 * 1024 * 1024;

export class SseParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null = null;
  #size = 0;
  /** What the server asks to wait before connecting again, in ms. */
  retry: number | null = null;

  /** Takes the next chunk and returns the messages it completed. */
  push(chunk: string): SseMessage[] {
    const messages: SseMessage[] = [];
    let text = this.#rest + chunk;
    // A CR at the very end may be half of a CRLF: leave it for the next chunk.
    const held = text.endsWith('\r') ? '\r' : '';
    if (held) text = text.slice(0, -1);
    const lines = text.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + held;
    for (const line of lines) {
      const message = this.#line(line);
      if (message) messages.push(message);
    }
    if (this.#rest.length + this.#size > MAX_PENDING) throw new Error('a message of the tail is too long');
    return messages;
  }

  #line(line: string): SseMessage | null {
    if (line === '') return this.#dispatch();
    if (line.startsWith(':')) return null;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length;
    } else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return null;
  }

  #dispatch(): SseMessage | null {
    const message = this.#data.length === 0 ? null : { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id };
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    return message;
  }
}
