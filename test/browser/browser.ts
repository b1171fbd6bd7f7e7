// In: browser options of a test. Out: Debian's Chromium with the built pages of a real server,
// closed when the test ends. Any error that a page reports fails the test, even if all of the
// test's own checks passed.
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { ensurePages } from '../../scripts/pages.mjs';
import { cleanUp } from '../support/clean-up.ts';

/** Small, since everything is rendered in software. */
const viewport = { width: 320, height: 240 };

interface BrowserOptions {
  /** Chromium's path: requireTool(t, 'chromium'). */
  executablePath: string;
  /** The server's address. */
  url: string;
  /**
   * A WAV file that plays as the microphone, repeated from the moment it is opened. 'refused': the
   * user denies access.
   */
  microphone?: string | 'refused';
  /** 'blocked': no sound before the user has clicked, as browsers do for unknown sites. */
  autoplay: 'allowed' | 'blocked';
}

export interface TestBrowser {
  /** Opens a path of the server, or another address, in a new page. */
  open(path: string): Promise<Page>;
  /** Takes the errors reported so far, which then do not fail the test: for a test about them. */
  takeErrors(): string[];
}

const flagsOf = ({ microphone, autoplay }: BrowserOptions): string[] => [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  `--autoplay-policy=${autoplay === 'allowed' ? 'no-user-gesture-required' : 'document-user-activation-required'}`,
  '--use-fake-device-for-media-stream',
  microphone === 'refused' ? '--deny-permission-prompts' : '--use-fake-ui-for-media-stream',
  ...(microphone === undefined || microphone === 'refused' ? [] : [`--use-file-for-fake-audio-capture=${microphone}`]),
];

/**
 * Builds the pages if their sources changed, and starts a headless browser; all its pages count as
 * visible.
 */
export async function launchBrowser(t: TestContext, options: BrowserOptions): Promise<TestBrowser> {
  await ensurePages(process.execPath);
  const browser = await chromium.launch({ executablePath: options.executablePath, args: flagsOf(options) });
  const errors: string[] = [];
  cleanUp(t, () => {
    if (errors.length > 0) throw new Error(`a page reported:\n${errors.join('\n')}`);
  });
  cleanUp(t, () => browser.close());
  const context = await openContext(browser, errors);
  return {
    async open(path) {
      const page = await context.newPage();
      await page.goto(/^https?:/.test(path) ? path : options.url + path);
      return page;
    },
    takeErrors: () => errors.splice(0),
  };
}

async function openContext(browser: Browser, errors: string[]): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport });
  const note = (page: Page | null | undefined, what: string) => errors.push(`${page?.url() ?? 'a page'}: ${what}`);
  context.on('weberror', (error) => note(error.page(), String(error.error().stack ?? error.error())));
  context.on('console', (message) => {
    if (message.type() === 'error') note(message.page(), `${message.text()} (${message.location().url})`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) note(response.frame().page(), `HTTP ${response.status()} for ${response.url()}`);
  });
  return context;
}
