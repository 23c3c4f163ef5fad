import { chromium } from "playwright-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { requireProgram } from "./programs.ts";

/** Debian's Chromium, without a window. In a container there is no sandbox to be had, and what is opened is our own. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: requireProgram("chromium"), args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export interface Opened {
  readonly page: Page;
  /** What the page asked for besides itself, what it wrote to the console, and what it threw: nothing of that is right. */
  readonly complaints: readonly string[];
}

/** Opens a file, and hears all that it does. */
export async function openFile(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const asked = request.url();
    if (asked !== url && !asked.startsWith(`${url}#`) && !asked.startsWith("data:")) complaints.push(`request: ${asked}`);
  });
  await page.goto(url);
  return { page, complaints };
}
