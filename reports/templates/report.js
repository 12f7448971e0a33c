"use strict";
// Sorting, filtering, comparing, copying. The page is whole without this; nothing here is fetched. Whether a figure is
// more than another is pairs.js's to say.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const data = JSON.parse($("report-data").textContent);
  const cells = new Map(data.cells.map((cell) => [`${cell.stack}|${cell.runtime}|${cell.workload}`, cell]));
  const compare = comparer(data);
  const tables = all("table.results:not(.listing)");
  const KEYS = ["q", "rt", "fam", "w", "vs", "sort"];
  const empty = () => Object.fromEntries(KEYS.map((key) => [key, ""]));
  let state = empty();

  // ---- figures, written as the page's maker writes them
  const formats = []; // by number of decimals: making one costs more than using it a hundred times
  const significant = (value, digits = 3) => {
    if (!Number.isFinite(value)) return "\u2013";
    if (value === 0) return "0";
    let exponent = Math.floor(Math.log10(Math.abs(value)));
    const rounded = Number(value.toPrecision(digits));
    exponent = Math.max(exponent, Math.floor(Math.log10(Math.abs(rounded))));
    const decimals = Math.max(0, digits - 1 - exponent);
    if (!formats[decimals]) formats[decimals] = new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return formats[decimals].format(rounded);
  };
  const times = (value, digits) => significant(value, digits) + "\u00d7";
  const brief = (value) => times(value, value > 0.9 && value < 1.1 ? 3 : 2);

  // ---- the table
  const columns = all("thead th", tables[0] || document.createElement("table")).map((head) => head.dataset.key);
  const collator = new Intl.Collator("en", { numeric: true });
  // What is asked of every row again and again is read once: row, key, names, words to filter by, cells by column.
  const lines = new Map(tables.map((table) => [table, all("tbody tr", table).map((row) => {
    const { k: key, rt, fam } = row.dataset;
    const stack = row.cells[0].querySelector("a").textContent;
    const runtime = row.cells[1].textContent.trim();
    const problem = row.classList.contains("problem");
    const places = problem ? {} : Object.fromEntries(columns.map((name, i) => [name, row.cells[i]]));
    const words = `${stack} ${runtime} ${key} ${fam}`.toLowerCase();
    return { row, key, rt, fam, stack, runtime, places, words, problem, ids: [`${key.slice(0, key.lastIndexOf("|"))}|${runtime}`, key.slice(0, key.lastIndexOf("|"))] };
  })]));
  const everyLine = [...lines.values()].flat();
  const names = new Map(everyLine.map((line) => [line.key, `${line.stack}, ${line.runtime}`]));
  const areas = all(".areas [data-k]");
  const articles = all("article.stack");

  // ---- comparing
  const spread = (said) => `${times(said.low)} to ${times(said.high)}, 95 % for all rows of this column together`;
  const against = (place, said) => {
    place.className = `num vs ${said.verdict}`;
    place.textContent = said.verdict === "none" ? "\u2013" : said.verdict === "same" ? "1\u00d7" : times(said.ratio);
    if (said.verdict !== "none") {
      const small = document.createElement("small");
      small.textContent = said.verdict === "same" ? "this row" : said.verdict;
      place.append(small);
    }
    if (said.ratio === undefined) delete place.dataset.v;
    else place.dataset.v = said.ratio.toPrecision(7);
    place.title = said.low ? spread(said) : said.why || "";
  };
  // Columns that say more or less of a chosen row, and where a plain ratio's figures are if there is no telling.
  const COMPARED = [["cpu"], ["p50"], ["p99"], ["memory"], ["memory", "rest", "pss_rest"], ["start"], ["lines", "lines", "lines"]];
  const remark = (line, base, baseLine, [column, key = column, field]) => {
    const cell = cells.get(`${line.key}|${base.workload}`);
    const label = key === "rest" ? "at rest " : "";
    const say = (text, tone, title) => ({ text, tone, label, title: label + title });
    const said = key === "lines" ? { verdict: "none", why: "counted, not measured" } : compare(cell, base, key);
    if (said.verdict === "undecided") return say("undecided", "undecided", `${times(said.ratio)}, ${spread(said)}`);
    if (said.verdict !== "none") return say(`${brief(said.ratio)} ${said.verdict}`, said.tone, spread(said));
    if (!data.claims && key !== "lines") return null;
    const [mine, theirs] = field ? [cell[field], base[field]] : [line, baseLine].map((one) => one.places[column]?.dataset.v);
    const ratio = Number(mine) / Number(theirs);
    return Number.isFinite(ratio) && ratio > 0 ? say(brief(ratio), "plain", `no claim: ${said.why}`) : null;
  };
  const showComparison = (table) => {
    const workload = table.dataset.workload;
    const chosen = state.vs && cells.has(`${state.vs}|${workload}`) ? state.vs : table.dataset.against;
    const base = cells.get(`${chosen}|${workload}`);
    for (const name of all("[data-against-name]", table)) name.textContent = names.get(chosen) || "";
    const baseLine = lines.get(table).find((line) => line.key === chosen);
    for (const old of all(".said", table)) old.remove();
    table.classList.toggle("comparing", Boolean(state.vs && base?.rps));
    for (const line of lines.get(table)) {
      line.row.classList.toggle("base", line.key === chosen && Boolean(state.vs));
      if (line.problem) continue;
      against(line.places.vs, compare(cells.get(`${line.key}|${workload}`), base));
      if (!state.vs || !base?.rps || line === baseLine) continue;
      for (const entry of COMPARED) {
        const found = remark(line, base, baseLine, entry);
        if (!found) continue;
        const small = document.createElement("small");
        small.className = `said ${found.tone}`;
        small.textContent = found.text;
        small.title = found.title;
        small.dataset.label = found.label;
        // Under load and at rest, each under its own figure.
        if (entry[0] === "memory" && !found.label) line.places.memory.firstChild.after(small);
        else line.places[entry[0]].append(small);
      }
    }
  };

  // ---- sorting
  const sortTable = (table) => {
    const [key, direction] = state.sort.split(":");
    const index = columns.indexOf(key);
    let sorted = lines.get(table);
    if (index >= 0) {
      const sign = direction === "desc" ? -1 : 1;
      const text = index < 2;
      const worth = (line) => (text ? line[key] : line.places[key]?.dataset.v === undefined ? null : Number(line.places[key].dataset.v));
      sorted = sorted
        .map((line, place) => ({ line, place, value: worth(line) }))
        .sort((a, b) => {
          if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.place - b.place;
          return sign * (text ? collator.compare(a.value, b.value) : a.value - b.value) || a.place - b.place;
        })
        .map((entry) => entry.line);
    }
    const body = table.tBodies[0];
    if (sorted.some((line, i) => body.rows[i] !== line.row)) body.append(...sorted.map((line) => line.row));
    for (const head of table.tHead.rows[0].cells) {
      const on = head.dataset.key === key && index >= 0;
      head.setAttribute("aria-sort", on ? (direction === "desc" ? "descending" : "ascending") : "none");
    }
  };

  // A click is answered within a frame: the tables in view are done at once, the others right after, one at a time.
  const waiting = new Map(); // table -> whether its comparison must be made anew too
  const finish = (table) => {
    if (waiting.get(table)) showComparison(table);
    sortTable(table);
    waiting.delete(table);
    table.removeAttribute("aria-busy");
  };
  const finishAll = () => [...waiting.keys()].forEach(finish);
  let timer = 0;
  const finishNext = () => {
    timer = 0;
    const [table] = waiting.keys();
    if (table) finish(table);
    if (waiting.size) timer = setTimeout(finishNext);
  };
  const refresh = (comparison) => {
    const inView = tables.filter((table) => {
      const box = table.closest("section").getBoundingClientRect();
      return box.bottom > 0 && box.top < innerHeight;
    });
    for (const table of tables) {
      waiting.set(table, comparison || Boolean(waiting.get(table)));
      if (!inView.includes(table)) table.setAttribute("aria-busy", "true");
    }
    inView.forEach(finish);
    if (waiting.size && !timer) timer = setTimeout(finishNext);
  };

  // ---- filtering
  const matches = (text, runtime, family) =>
    (!state.rt || runtime === undefined || runtime === state.rt) &&
    (!state.fam || family === state.fam) &&
    state.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  const filter = () => {
    let shown = 0;
    const visible = new Set();
    for (const [table, found] of lines) {
      const here = !state.w || table.dataset.workload === state.w;
      table.closest("section").hidden = !here;
      for (const line of found) {
        const on = matches(line.words, line.rt, line.fam);
        if (line.row.hidden === on) line.row.hidden = !on;
        shown += on && here;
        if (on && here) line.ids.forEach((id) => visible.add(id));
      }
    }
    for (const article of articles) article.hidden = !visible.has(article.dataset.stack);
    const narrowed = state.q || state.rt || state.fam;
    for (const area of areas) area.classList.toggle("dim", Boolean(narrowed) && !visible.has(area.dataset.k));
    const total = everyLine.length;
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
    refresh(true);
    filter();
  };

  // ---- controls
  const fillChoices = () => {
    const select = $("vs");
    const measured = new Set(everyLine.filter((line) => !line.problem).map((line) => line.key));
    select.append(new Option("the baseline", ""));
    const order = (a, b) => collator.compare(names.get(a), names.get(b));
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
          refresh(false);
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
    ...[...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => {
      const texts = [row.cells[0].querySelector("a").textContent, row.cells[1].textContent.trim()];
      for (const cell of [...row.cells].slice(2)) {
        const main = [...cell.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
        const more = all("small", cell).filter((small) => small.className || !cell.classList.contains("memory"));
        texts.push(more.length ? `${main} (${more.map((small) => (small.dataset.label || "") + small.textContent).join("; ")})` : main);
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
      finishAll();
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

  window.addEventListener("beforeprint", () => {
    finishAll();
    all("details").forEach((fold) => (fold.open = true));
  });
  fillChoices();
  listen();
  filter();
  for (const hidden of all("#tools, .buttons")) hidden.hidden = !tables.length && hidden.id !== "downloads";
  stick();
  read();
})();
