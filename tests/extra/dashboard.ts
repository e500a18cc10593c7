/**
 * The dashboard in a real browser, on runs that really train. Driving a browser needs all permissions, so these tests
 * run in a process of their own, which ../extra_long_test.ts starts:
 *
 *     deno test -A --config tests/extra/deno.json tests/extra/dashboard.ts
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { loadRecipe } from "@causeway/core/recipe";
import { run, RunControl, workerExecutor } from "@causeway/core/runner";
import { accessFor, controlOf, serveStatus } from "@causeway/core/status";

const CHROMIUM = Deno.env.get("CAUSEWAY_CHROMIUM") ?? "/usr/bin/chromium";
const RECIPE = new URL("../shared/tiny_recipe.ts", import.meta.url).href;
const LONG_RECIPE = new URL("../../core/status/testdata/training_recipe.ts", import.meta.url).href;
const TOKEN = "a token of the test's own";

async function withFolder(use: (out: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await use(join(folder, "out"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens a page, and fails if it logs an error or violates its content policy. */
async function withPage(
  browser: Browser,
  url: string,
  use: (page: Page) => Promise<void>,
  options: { width?: number; colorScheme?: "light" | "dark" } = {},
) {
  const { width = 1200, colorScheme = "light" } = options;
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  try {
    await page.goto(url);
    await use(page);
    assert.deepEqual(errors, []);
  } finally {
    await page.close();
  }
}

/** Polls: the page's policy forbids the browser's own way to wait for an expression. */
async function until(what: string, holds: () => Promise<boolean>) {
  for (const end = performance.now() + 20_000; performance.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`timed out waiting: ${what}`);
}

const text = (page: Page, selector: string) => page.locator(selector).innerText();

/** Contrast (WCAG 2.2) of a text against its background. */
const CONTRAST = (selector: string) => {
  const parse = (colour: string) => colour.match(/[\d.]+/g)!.map(Number);
  const luminance = ([r, g, b]: number[]) => {
    const linear = [r, g, b].map((v) => v / 255).map((v) =>
      v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    );
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  // deno-lint-ignore no-explicit-any -- runs in the browser
  const { document, getComputedStyle } = globalThis as any;
  const element = document.querySelector(selector);
  let behind = element;
  while (behind && /, 0\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) {
    behind = behind.parentElement;
  }
  const [a, b] = [
    getComputedStyle(element).color,
    getComputedStyle(behind ?? document.body).backgroundColor,
  ]
    .map((colour) => luminance(parse(colour))).sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};

Deno.test({
  name: "the dashboard in a browser",
  // The browser's pipes outlive its processes for a moment.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn(t) {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    try {
      await withFolder(async (out) => {
        await run(await loadRecipe(RECIPE), { out, executor: workerExecutor(RECIPE) });
        const server = await serveStatus({ out, port: 0 });
        try {
          await finishedRun(t, browser, server.url);
        } finally {
          await server.close();
        }
      });
      await withFolder((out) => liveRun(t, browser, out));
    } finally {
      await browser.close();
    }
  },
});

async function finishedRun(t: Deno.TestContext, browser: Browser, url: string) {
  await t.step(
    "a finished run shows plan, curves, losses and results, without errors",
    () =>
      withPage(browser, url, async (page) => {
        await page.waitForSelector("#artifacts table");
        assert.match(await text(page, "#run-heading"), /tiny: finished/);
        assert.equal(await page.locator("#plan .node.finished").count(), 5);
        assert.ok(await page.locator("#training canvas").count() >= 3);
        assert.match(await text(page, "#matrices"), /Held-out loss[^]*sums/);
        assert.match(await text(page, "#artifacts"), /trunk[^]*checkpoint/);
        assert.equal(await page.locator("#controls").isVisible(), false);
      }),
  );
  await t.step(
    "the keyboard moves through the plan, and a reload keeps the view",
    () =>
      withPage(browser, url, async (page) => {
        await page.waitForSelector("#plan .node.finished");
        await page.focus("#plan .node[tabindex='0']");
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("Enter");
        const chosen = await text(page, "#task h3");
        assert.equal(chosen, "trunk");
        await page.check("#log-scale");
        await page.reload();
        await page.waitForSelector("#task h3");
        assert.equal(await text(page, "#task h3"), chosen);
        assert.ok(await page.isChecked("#log-scale"));
      }),
  );
  await t.step(
    "nothing is cut off on a phone, and text is readable in light and dark",
    async () => {
      for (const colorScheme of ["light", "dark"] as const) {
        await withPage(browser, url, async (page) => {
          await page.waitForSelector("#artifacts table");
          const [needed, given] = await page.evaluate(
            "[document.documentElement.scrollWidth, innerWidth]",
          ) as number[];
          assert.ok(needed <= given, `the page is ${needed} pixels wide`);
          for (
            const selector of [
              "#run-heading",
              "#description",
              ".tile span",
              "h2",
              "a",
              ".heat td, td",
              "footer",
            ]
          ) {
            const contrast = await page.evaluate(CONTRAST, selector);
            assert.ok(
              contrast >= 4.5,
              `${colorScheme} ${selector}: contrast ${contrast.toFixed(2)}`,
            );
          }
        }, { width: 390, colorScheme });
      }
    },
  );
  await t.step(
    "every control has an accessible name",
    () =>
      withPage(browser, url, async (page) => {
        await page.waitForSelector("#artifacts table");
        const nameless = await page.evaluate(
          `[...document.querySelectorAll("button, a, select, input, [role=button], [role=img]")]
        .filter((e) => e.offsetParent !== null || e.namespaceURI.includes("svg"))
        .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
        .map((e) => e.outerHTML)`,
        );
        assert.deepEqual(nameless, []);
      }),
  );
}

async function liveRun(t: Deno.TestContext, browser: Browser, out: string) {
  const control = new RunControl();
  const controller = new AbortController();
  const access = accessFor("127.0.0.1", { token: TOKEN });
  const server = await serveStatus({
    out,
    port: 0,
    access,
    control: controlOf(control, () => controller.abort()),
  });
  const running = run(await loadRecipe(LONG_RECIPE), {
    out,
    control,
    executor: workerExecutor(LONG_RECIPE),
    signal: controller.signal,
  }).catch((error) => error.name);
  try {
    await t.step(
      "curves move while a run trains; the page pauses, resumes and stops it",
      () =>
        withPage(browser, server.url, async (page) => {
          await page.fill("#login input", TOKEN);
          await page.click("#login button");
          await page.waitForSelector("#training canvas", { timeout: 20_000 });
          const label = () => page.locator("#training .chart").first().getAttribute("aria-label");
          const before = await label();
          await until("curves move", async () => await label() !== before);
          await page.click("[data-action=pause]");
          await page.waitForSelector("[data-action=resume]:visible");
          assert.match(await text(page, "#run-heading"), /paused/);
          await page.click("[data-action=resume]");
          await page.waitForSelector("[data-action=pause]:visible");
          page.on("dialog", (dialog) => dialog.accept());
          await page.click("[data-action=stop]");
          await until("the run has stopped", async () =>
            /stopped/.test(await text(page, "#run-heading")));
        }),
    );
  } finally {
    controller.abort();
    await running;
    await server.close();
  }
  await t.step("a run whose process died is shown as lost", async () => {
    const [id] = [...Deno.readDirSync(join(out, "runs"))].map(({ name }) => name);
    const path = join(out, "runs", id, "events.jsonl");
    const lines = Deno.readTextFileSync(path).trim().split("\n");
    Deno.writeTextFileSync(
      path,
      lines.filter((line) => !line.includes("run_interrupted")).join("\n") + "\n",
    );
    const server = await serveStatus({ out, port: 0 });
    try {
      await withPage(browser, server.url, async (page) => {
        await until("the alert", async () => await text(page, "#alert") !== "");
        assert.match(await text(page, "#alert"), /The run is lost: the process ended unexpectedly/);
      });
    } finally {
      await server.close();
    }
  });
}
