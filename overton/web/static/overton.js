// Sorting, filtering, paging and a chosen slice. Every page says all it has to say without this.
"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  document.documentElement.classList.add("js");

  const valueOf = (row, column, kind) => {
    const cell = row.cells[column];
    if (!cell) return kind === "number" ? NaN : "";
    const text = cell.textContent.trim();
    if (kind === "text") return text.toLowerCase();
    return parseFloat(text.replace(/[−–]/g, "-").replaceAll(",", ""));
  };

  // Rows of a table, or examples of a list: those that the filter lets pass, a page of them at a time.
  const lists = new Map();
  const listOf = (node) => {
    if (!lists.has(node)) {
      const body = node.matches("table") ? node.querySelector("tbody.rows") : node;
      lists.set(node, { node, body, page: Number(node.dataset.page), shown: Number(node.dataset.page), passes: () => true });
    }
    return lists.get(node);
  };
  const draw = (list) => {
    let passed = 0;
    for (const item of list.body.children) {
      const passes = list.passes(item);
      passed += passes;
      item.hidden = !passes || passed > list.shown;
    }
    const left = passed - list.shown;
    if (!list.more) {
      list.more = document.createElement("button");
      list.more.type = "button";
      list.more.className = "more";
      list.more.addEventListener("click", () => { list.shown = Infinity; draw(list); });
      list.node.after(list.more);
    }
    list.more.hidden = !(left > 0);
    list.more.textContent = `Show ${left} more`;
    if (!list.count) return;
    const rows = [...list.body.children].filter((row) => "marks" in row.dataset); // and not the words that there is none
    list.count.textContent = `${rows.filter((row) => list.passes(row)).length} of ${rows.length}`;
  };

  const sort = (table, header, kind) => {
    const column = header.cellIndex;
    const up = header.getAttribute("aria-sort") !== "ascending";
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.querySelector("tbody.rows");
    const keyed = [...body.rows].map((row, place) => ({ row, place, key: valueOf(row, column, kind) }));
    const order = (a, b) => {
      if (kind === "number" && Number.isNaN(a.key) !== Number.isNaN(b.key)) return Number.isNaN(a.key) ? 1 : -1;
      const way = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
      return (up ? way : -way) || a.place - b.place;
    };
    body.append(...keyed.sort(order).map((one) => one.row));
    if (lists.has(table)) draw(lists.get(table));
  };

  for (const table of all("table")) {
    if (!table.querySelector("tbody.rows")) continue;
    for (const header of all("th[data-sort]", table)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header, header.dataset.sort));
    }
  }

  for (const node of all("[data-page]")) draw(listOf(node));

  for (const controls of all(".controls[data-for]")) {
    const table = document.getElementById(controls.dataset.for);
    if (!table) continue;
    const list = listOf(table);
    const find = controls.querySelector("[data-filter]");
    const column = controls.querySelector("[data-column]");
    const only = all("[data-only]", controls);
    list.count = controls.querySelector("[data-count]");
    const apply = () => {
      const words = find.value.trim().toLowerCase().replace(/^slice:/, "");
      const marks = only.filter((box) => box.checked).map((box) => box.dataset.only);
      const asked = words || marks.length;
      list.passes = (row) => {
        const own = (row.dataset.marks ?? "").split(" ");
        const name = `${row.cells[0].textContent} ${row.cells[0].title}`.toLowerCase();
        return name.includes(words) && marks.every((mark) => own.includes(mark));
      };
      list.shown = asked ? Infinity : list.page;
      draw(list);
    };
    const choose = () => {
      const chosen = Number(column.value);
      for (const row of all("tr", table)) {
        [...row.cells].forEach((cell, place) => { cell.hidden = chosen > 0 && place > 0 && place !== chosen; });
      }
      const header = chosen && table.tHead.rows[0].cells[chosen];
      if (header && header.getAttribute("aria-sort") !== "ascending") sort(table, header, header.dataset.sort);
    };
    find.addEventListener("input", apply);
    only.forEach((box) => box.addEventListener("change", apply));
    column?.addEventListener("change", choose);
    apply();
  }

  // How wide a step of a small line is depends on the number of versions.
  for (const table of all("[data-across]")) table.style.setProperty("--across", table.dataset.across);

  for (const select of all("select[data-history]")) {
    const section = select.closest("section") ?? document;
    const show = () => {
      for (const line of all("[data-line]", section)) {
        const id = `${line.dataset.line}-${select.value}`;
        line.setAttribute("href", `#${id}`);
        line.style.visibility = document.getElementById(id) ? "visible" : "hidden";
      }
    };
    select.addEventListener("change", show);
    show();
  }

  // On paper everything is open.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));

  // The section that is read is marked in the navigation.
  const links = new Map(all(".top nav a").map((link) => [link.hash.slice(1), link]));
  if (links.size && "IntersectionObserver" in window) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        links.forEach((link) => link.classList.remove("on"));
        links.get(entry.target.id)?.classList.add("on");
      }
    }, { rootMargin: "-90px 0px -70% 0px" });
    links.forEach((_, id) => { const target = document.getElementById(id); if (target) seen.observe(target); });
  }
})();
