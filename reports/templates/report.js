"use strict";
// Sorting, filtering, comparing, copying. The page is whole without this; nothing here is fetched or computed anew:
// the comparison adds up stored logarithms and looks up half-widths that were worked out when the page was made.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const data = JSON.parse($("report-data").textContent);
  const cells = new Map(data.cells.map((cell) => [`${cell.stack}|${cell.runtime}|${cell.workload}`, cell]));
  const tables = all("table.results");
  const KEYS = ["q", "rt", "fam", "w", "vs", "sort"];
  const empty = () => Object.fromEntries(KEYS.map((key) => [key, ""]));
  let state = empty();

  // ---- figures, written as the page's maker writes them
  const significant = (value, digits = 3) => {
    if (!Number.isFinite(value)) return "\u2013";
    if (value === 0) return "0";
    let exponent = Math.floor(Math.log10(Math.abs(value)));
    const rounded = Number(value.toPrecision(digits));
    exponent = Math.max(exponent, Math.floor(Math.log10(Math.abs(rounded))));
    const decimals = Math.max(0, digits - 1 - exponent);
    return rounded.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  const times = (value) => significant(value) + "\u00d7";

  // ---- is a faster than b? The same rule as reports/pairs.py
  const halfWidth = (a, b, differences, mean) => {
    const { half, t, own } = data.compare[a.workload];
    const n = differences.length;
    const overall = half[`${Math.min(a.ranking, b.ranking)},${Math.max(a.ranking, b.ranking)},${n}`];
    if (n < 2 || (overall === undefined && a.ranking === b.ranking)) return undefined;
    const error = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1) / n);
    return overall === undefined ? t[n] * error : Math.max(overall, own[n] * error);
  };
  const compare = (a, b) => {
    if (!a || !b || !a.rps) return { verdict: "none", why: "" };
    if (a === b) return { verdict: "same", ratio: 1 };
    if (!data.claims) return { verdict: "none", why: "this run makes no claims" };
    for (const cell of [a, b]) if (!cell.logs) return { verdict: "none", why: cell.unranked || cell.reason || "not ranked" };
    const blocks = Object.keys(a.logs).filter((block) => block in b.logs);
    const differences = blocks.map((block) => a.logs[block] - b.logs[block]);
    const d = differences.reduce((sum, x) => sum + x, 0) / blocks.length;
    const half = halfWidth(a, b, differences, d);
    if (!blocks.length || half === undefined) return { verdict: "none", why: "no blocks in common" };
    const verdict = Math.abs(d) <= half ? "undecided" : d > 0 ? "faster" : "slower";
    return { verdict, ratio: Math.exp(d), low: Math.exp(d - half), high: Math.exp(d + half) };
  };

  // ---- the table
  const columns = all("thead th", tables[0] || document.createElement("table")).map((head) => head.dataset.key);
  const rowsOf = (table) => all("tbody tr", table);
  const stackOf = (row) => row.cells[0].querySelector("a").textContent;
  const runtimeOf = (row) => row.cells[1].textContent.trim();
  const names = new Map();
  const words = new Map();
  for (const row of tables.flatMap(rowsOf)) {
    const { k, fam } = row.dataset;
    if (!names.has(k)) names.set(k, `${stackOf(row)}, ${runtimeOf(row)}`);
    words.set(row, `${stackOf(row)} ${runtimeOf(row)} ${k} ${fam}`.toLowerCase());
  }
  const original = new Map();
  const areas = all(".areas [data-k]");
  const showComparison = (table) => {
    const workload = table.dataset.workload;
    const chosen = state.vs && cells.has(`${state.vs}|${workload}`) ? state.vs : table.dataset.against;
    const base = cells.get(`${chosen}|${workload}`);
    const name = table.querySelector("[data-against-name]");
    if (name) name.textContent = names.get(chosen) || "";
    for (const row of rowsOf(table)) {
      row.classList.toggle("base", row.dataset.k === chosen && Boolean(state.vs));
      const place = row.querySelector("td.vs");
      if (!place) continue;
      const said = compare(cells.get(`${row.dataset.k}|${workload}`), base);
      place.className = `num vs ${said.verdict}`;
      place.textContent = said.verdict === "none" ? "\u2013" : said.verdict === "same" ? "1\u00d7" : times(said.ratio);
      if (said.verdict !== "none") {
        const small = document.createElement("small");
        small.textContent = said.verdict === "same" ? "this row" : said.verdict;
        place.append(small);
      }
      if (said.ratio === undefined) delete place.dataset.v;
      else place.dataset.v = said.ratio.toPrecision(7);
      place.title = said.low ? `${times(said.low)} to ${times(said.high)}, 95 % for all rows together` : said.why || "";
    }
  };
  const sortTable = (table) => {
    const body = table.tBodies[0];
    if (!original.has(table)) original.set(table, rowsOf(table));
    const [key, direction] = state.sort.split(":");
    const index = columns.indexOf(key);
    let rows = original.get(table);
    if (index >= 0) {
      const sign = direction === "desc" ? -1 : 1;
      const text = index < 2;
      const worth = (row) => {
        if (text) return index ? runtimeOf(row) : stackOf(row);
        const cell = row.classList.contains("problem") ? null : row.cells[index];
        return cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : null;
      };
      rows = rows
        .map((row, place) => ({ row, place, value: worth(row) }))
        .sort((a, b) => {
          if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
          const order = text ? a.value.localeCompare(b.value, "en", { numeric: true }) : a.value - b.value;
          return sign * order || a.place - b.place;
        })
        .map((entry) => entry.row);
    }
    body.append(...rows);
    for (const head of all("thead th", table)) {
      const on = head.dataset.key === key && index >= 0;
      head.setAttribute("aria-sort", on ? (direction === "desc" ? "descending" : "ascending") : "none");
    }
  };
  const matches = (text, runtime, family) =>
    (!state.rt || runtime === undefined || runtime === state.rt) &&
    (!state.fam || family === state.fam) &&
    state.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  const filter = () => {
    let shown = 0;
    let total = 0;
    const visible = new Set();
    for (const table of tables) {
      const here = !state.w || table.dataset.workload === state.w;
      table.closest("section").hidden = !here;
      for (const row of rowsOf(table)) {
        const on = matches(words.get(row), row.dataset.rt, row.dataset.fam);
        row.hidden = !on;
        total += 1;
        shown += on && here;
        const stack = row.dataset.k.slice(0, row.dataset.k.lastIndexOf("|"));
        if (on && here) visible.add(`${stack}|${runtimeOf(row)}`).add(stack);
      }
    }
    for (const article of all("article.stack")) article.hidden = !visible.has(article.dataset.stack);
    const narrowed = state.q || state.rt || state.fam;
    for (const area of areas) area.classList.toggle("dim", Boolean(narrowed) && !visible.has(area.dataset.k));
    $("count").textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
  };

  // ---- state in the hash: "#q=flask&sort=cpu:asc"; "#stack-tornado" alone is a place in the page
  const write = (at = "") => {
    const query = new URLSearchParams(KEYS.filter((key) => state[key]).map((key) => [key, state[key]]));
    if (at && query.size) query.set("at", at);
    const text = query.toString();
    history.replaceState(null, "", text ? `#${text}` : at ? `#${at}` : location.pathname + location.search);
  };
  const read = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return;
    const query = new URLSearchParams(hash);
    state = empty();
    for (const key of KEYS) state[key] = query.get(key) || "";
    if (state.w && !tables.some((table) => table.dataset.workload === state.w)) state.w = "";
    for (const key of ["q", "rt", "fam", "w", "vs"]) {
      $(key).value = state[key];
      if ($(key).value !== state[key]) state[key] = $(key).value = "";
    }
    apply();
    const place = query.get("at") && $(query.get("at"));
    if (place) place.scrollIntoView();
  };
  const apply = () => {
    for (const table of tables) {
      showComparison(table);
      sortTable(table);
    }
    filter();
  };

  // ---- controls
  const fillChoices = () => {
    const select = $("vs");
    const measured = new Set(tables.flatMap(rowsOf).filter((row) => !row.classList.contains("problem")).map((row) => row.dataset.k));
    select.append(new Option("the baseline", ""));
    const order = (a, b) => names.get(a).localeCompare(names.get(b), "en", { numeric: true });
    for (const key of [...measured].sort(order)) select.append(new Option(names.get(key), key));
  };
  const listen = () => {
    for (const key of ["q", "rt", "fam", "w", "vs"]) {
      $(key).addEventListener("input", () => {
        state[key] = $(key).value;
        write();
        if (key === "vs") apply();
        else filter();
      });
    }
    $("reset").addEventListener("click", () => {
      state = empty();
      for (const key of ["q", "rt", "fam", "w", "vs"]) $(key).value = "";
      write();
      apply();
    });
    for (const table of tables) {
      for (const head of all("thead th", table)) {
        head.setAttribute("aria-sort", "none");
        const label = head.querySelector(".head");
        const button = document.createElement("button");
        button.type = "button";
        button.className = "head";
        button.textContent = label.textContent;
        label.replaceWith(button);
        head.addEventListener("click", () => {
          const { key, first } = head.dataset;
          const [now, direction] = state.sort.split(":");
          const other = first === "asc" ? "desc" : "asc";
          state.sort = now !== key ? `${key}:${first}` : direction === first ? `${key}:${other}` : "";
          write();
          for (const each of tables) sortTable(each);
        });
      }
    }
    window.addEventListener("hashchange", read);
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#"]');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const id = link.getAttribute("href").slice(1);
      const place = $(id);
      if (!place) return;
      event.preventDefault();
      if (place.tagName === "DETAILS") place.open = true;
      if (place.hidden || place.closest("[hidden]")) $("reset").click();
      write(id);
      place.scrollIntoView();
      place.setAttribute("tabindex", "-1");
      place.focus({ preventScroll: true });
    });
  };

  // ---- taking figures away
  const visibleRows = (table) => [
    columns.map((_, i) => {
      const head = table.tHead.rows[0].cells[i];
      return [head.querySelector(".head").textContent, head.querySelector("small")?.textContent].filter(Boolean).join(", ");
    }),
    ...rowsOf(table).filter((row) => !row.hidden).map((row) => {
      const texts = [stackOf(row), runtimeOf(row)];
      for (const cell of [...row.cells].slice(2)) {
        const small = cell.querySelector("small")?.textContent;
        const main = [...cell.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
        texts.push(small && !cell.classList.contains("memory") ? `${main} (${small})` : main);
      }
      while (texts.length < columns.length) texts.push("");
      return texts;
    }),
  ];
  const asMarkdown = (rows) => {
    const line = (texts) => `| ${texts.map((text) => text.replace(/[\\|<>*_`[\]]/g, "\\$&").replace(/\s+/g, " ")).join(" | ")} |`;
    const rule = `| ${rows[0].map((_, i) => (i < 2 ? ":--" : "--:")).join(" | ")} |`;
    return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n") + "\n";
  };
  const asCsv = (rows) =>
    rows.map((values) => values.map((value) => {
      const text = String(value ?? "");
      const formula = typeof value === "string" && /^[=+\-@\t\r]/.test(value); // a spreadsheet would run it
      const safe = formula ? `'${text}` : text;
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    }).join(",")).join("\r\n") + "\r\n";
  const FLAT = ["stack", "runtime", "workload", "family", "status", "reason", "processes", "rps", "rps_low", "rps_high", "censored",
    "tier", "rank_low", "rank_high", "cpu_us_per_request", "cpu_low", "cpu_high", "p50_us", "p90_us", "p99_us", "p99.9_us",
    "pss_rest_bytes", "pss_load_bytes", "start_s", "lines_of_code", "client_busy", "steady", "flags"];
  const flat = () => [FLAT, ...data.cells.map((cell) => {
    const { rps = {}, cpu_us: cpu = {}, latency_us: latency = {}, ranks = [] } = cell;
    return [cell.stack, cell.runtime, cell.workload, cell.family, cell.status, cell.reason, cell.processes, rps.value, rps.low, rps.high,
      cell.censored ?? false, cell.tier, ...[0, 1].map((i) => ranks[i]), cpu.value, cpu.low, cpu.high,
      ...["p50", "p90", "p99", "p99.9"].map((step) => latency[step]), cell.pss_rest, cell.pss_load, cell.start_s, cell.lines,
      cell.client_busy, cell.steady, Object.entries(cell.flags ?? {}).map(([name, number]) => `${name}=${number}`).join(" ")];
  })];
  const copy = async (text, button) => {
    const before = button.textContent;
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const area = document.createElement("textarea"); // a file:// page may not have the clipboard's newer face
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    button.dataset.copied = text.length;
    button.textContent = done ? "Copied" : "Could not copy";
    setTimeout(() => (button.textContent = before), 1500);
  };
  for (const button of all("[data-copy]")) {
    button.addEventListener("click", () => {
      const rows = visibleRows($(`table-${button.dataset.workload}`));
      copy(button.dataset.copy === "csv" ? asCsv(rows) : asMarkdown(rows), button);
    });
  }
  for (const button of all("[data-download]")) {
    button.addEventListener("click", () => {
      const kind = button.dataset.download;
      const text = kind === "csv" ? asCsv(flat()) : JSON.stringify(data, null, 1);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }));
      link.download = `anemometer-${String(data.run).replace(/[^\w.-]/g, "_")}.${kind}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  // ---- figures on pointing at a chart
  const tip = $("tip");
  for (const area of all(".areas > *")) {
    const title = area.querySelector("title");
    if (!title) continue;
    const text = title.textContent;
    title.remove();
    if (!text) continue;
    area.setAttribute("aria-label", text.replaceAll("\n", ", "));
    area.addEventListener("pointermove", (event) => {
      tip.textContent = text;
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
      tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
    });
    area.addEventListener("pointerleave", () => (tip.hidden = true));
  }

  // ---- light and dark
  const theme = $("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const nameTheme = () => (theme.textContent = dark() ? "Light" : "Dark");
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    nameTheme();
  });
  nameTheme();
  theme.hidden = false;

  const stick = () => {
    const bars = [document.querySelector(".places"), $("tools")].filter((bar) => getComputedStyle(bar).position === "sticky");
    root.style.setProperty("--stick", `${bars.reduce((sum, bar) => sum + bar.offsetHeight, 0)}px`);
  };
  window.addEventListener("resize", stick);

  window.addEventListener("beforeprint", () => all("details").forEach((fold) => (fold.open = true)));
  fillChoices();
  listen();
  apply();
  for (const hidden of all("#tools, .buttons")) hidden.hidden = !tables.length && hidden.id !== "downloads";
  stick();
  read();
})();
