/**
 * A real browser for tests of the report page: a Chromium that is on the machine, driven by playwright-core.
 *
 *     REDTWIN_CHROMIUM=/path/to/chromium --> that one      otherwise: chromium, chromium-browser, google-chrome on PATH
 *
 * Nothing is downloaded. On a machine without one the tests say so and pass: the page is tested where it can be.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why there is none, for a test's log. */
export const noBrowser =
  'there is no Chromium on this machine (install chromium, or say where with REDTWIN_CHROMIUM)';

/** The browser's path; null when there is none. */
export function browserPath(): string | null {
  const told = process.env.REDTWIN_CHROMIUM;
  if (told !== undefined && told !== '') return told;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(canRun) ?? null;
}

/** Starts it, within two minutes, because machines are busy. Its sandbox wants a user that is not root; the page it shows is our own. */
export const startBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: 120_000,
  });
