"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("js");

  // Colours: as the system, light, dark
  const themes = ["as the system", "light", "dark"];
  const button = document.getElementById("theme");
  const remembered = () => { try { return localStorage.getItem("ganbench-colours"); } catch { return null; } };
  const remember = (name) => { try { localStorage.setItem("ganbench-colours", name); } catch { /* private window */ } };
  const dress = (name) => {
    root.classList.remove("light", "dark");
    if (name !== themes[0]) root.classList.add(name);
    button.textContent = `Colours: ${name}`;
    button.setAttribute("aria-label", button.textContent);
  };
  let theme = themes.includes(remembered()) ? remembered() : themes[0];
  dress(theme);
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    dress(theme);
    remember(theme);
  });

  // Sorting: missing values last, in both directions
  const value = (row, column) => {
    const cell = row.cells[column];
    const number = cell.dataset.value;
    return number === undefined || number === "" ? (cell.classList.contains("missing") ? null : cell.textContent.trim()) : Number(number);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const sort = (table, head, direction) => { // no direction: as it was written
    const heads = all("thead th", table);
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    if (direction) head.setAttribute("aria-sort", direction);
    const column = heads.indexOf(head);
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => {
      const back = Number(one.dataset.place) - Number(other.dataset.place);
      if (!direction) return back;
      const a = value(one, column), b = value(other, column);
      if (a === null || b === null) return a === b ? back : a === null ? 1 : -1;
      return (direction === "ascending" ? compare(a, b) : compare(b, a)) || back;
    });
    table.tBodies[0].append(...rows);
  };
  const tables = all("table:not(.matrix)");
  for (const table of tables) {
    [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.place = place; });
    all("thead th", table).forEach((head) => {
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.append(...head.childNodes);
      head.append(sorter);
      sorter.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        sort(table, head, { ascending: "descending", descending: null }[was] ?? (was === null ? "ascending" : null));
        changed();
      });
    });
  }

  // Filters; what they say is in the address, as is the order of tables, so that a view can be passed on
  const fields = { q: "filter-text", data: "filter-data", metric: "filter-metric", budget: "filter-budget" };
  const form = document.getElementById("filters");
  const read = () => Object.fromEntries(Object.entries(fields).map(([key, id]) => [key, document.getElementById(id).value]));
  const apply = (asked) => {
    const words = asked.q.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, total = 0;
    for (const board of all(".board")) {
      board.hidden = Boolean(asked.data) && board.dataset.board !== asked.data;
      const texts = new Map(); // what a search looks at: the name and the settings
      for (const section of all("details.variant", board)) {
        const text = `${section.dataset.name} ${section.querySelector("dl")?.textContent ?? ""}`.toLowerCase();
        texts.set(section.dataset.name, text);
        section.hidden = !words.every((word) => text.includes(word)) || (Boolean(asked.budget) && section.dataset.budget !== asked.budget);
      }
      all("table:not(.matrix)", board).forEach((table) => {
        const heads = all("thead th", table);
        for (const row of table.tBodies[0].rows) {
          if (row.dataset.name === undefined) continue;
          const name = row.dataset.name;
          const text = texts.get(name) ?? name.toLowerCase();
          row.hidden = !words.every((word) => text.includes(word)) || (Boolean(asked.budget) && row.dataset.budget !== asked.budget);
        }
        heads.forEach((head, place) => {
          const [metric, network] = (head.dataset.key || "").split("@");
          const hide = Boolean(asked.metric) && network !== undefined && metric !== asked.metric;
          head.hidden = hide;
          for (const row of table.tBodies[0].rows) row.cells[place].hidden = hide;
        });
      });
      const first = board.querySelector("table:not(.matrix)");
      const rows = first ? [...first.tBodies[0].rows] : [];
      total += rows.length;
      if (!board.hidden) shown += rows.filter((row) => !row.hidden).length;
    }
    document.getElementById("count").textContent = shown === total ? "" : `${shown} of ${total} rows`;
  };
  const named = (table) => table.closest("section[id]").id; // of letters, digits and hyphens
  const orders = () => tables.flatMap((table) => all("th[aria-sort]", table)
    .map((head) => ["sort", `${named(table)}.${head.dataset.key}.${head.getAttribute("aria-sort")}`]));
  const reorder = (given) => {
    for (const table of tables) {
      const [key, direction] = (given.find((text) => text.startsWith(`${named(table)}.`)) || "").match(/\.(.*)\.(ascending|descending)$/)?.slice(1) ?? [];
      const head = all("thead th", table).find((one) => one.dataset.key === key);
      if (head || table.querySelector("th[aria-sort]")) sort(table, head, head ? direction : null);
    }
  };
  const address = (asked) => {
    const given = [...Object.entries(asked).filter(([, text]) => text), ...orders()];
    return given.length ? `#view?${new URLSearchParams(given)}` : "";
  };
  const changed = () => {
    const asked = read();
    apply(asked);
    history.replaceState(null, "", address(asked) || location.pathname + location.search);
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));

  // Addresses: a view, or a section, which is opened
  const go = () => {
    const [name, ...rest] = location.hash.slice(1).split("?"); // anchors are plain letters, digits and hyphens
    const asked = rest.join("?");
    if (name === "view") {
      const given = new URLSearchParams(asked);
      for (const [key, id] of Object.entries(fields)) {
        const field = document.getElementById(id);
        field.value = given.get(key) || "";
        if (field.value === "" && field.tagName === "SELECT") field.selectedIndex = 0;
      }
      apply(read());
      reorder(given.getAll("sort"));
      return;
    }
    const target = name && document.getElementById(name);
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", go);
  go();

  // Print everything
  let closed = [];
  addEventListener("beforeprint", () => {
    const now = all("details:not([open])"); // none, if it is said twice
    closed.push(...now);
    now.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => { closed.forEach((one) => { one.open = false; }); closed = []; });
})();
