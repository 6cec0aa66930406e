/** How keys are written in titles and in the sheet of shortcuts. */
export function withKey(text: string, key: string): string {
  return `${text} (${key})`;
}
