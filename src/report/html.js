"use strict";
// Sorts a table by a click on a header. Rows of a tree move among those of the same parent; totals stay below.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const nodes = [], parents = [];
  for (const row of body.rows) {
    if (row.classList.contains("detail")) { nodes.at(-1)?.details.push(row); continue; }
    const depth = Number(row.dataset.depth ?? 0);
    const node = { row, depth, place: nodes.length, details: [], children: [] };
    while (parents.length && parents.at(-1).depth >= depth) parents.pop();
    node.parent = parents.at(-1);
    node.parent?.children.push(node);
    parents.push(node);
    nodes.push(node);
  }
  if (nodes.length < 2) continue;
  const key = (node, column, isNumber) => {
    const cell = node.row.cells[column];
    const text = cell?.dataset.v ?? cell?.textContent.trim() ?? "";
    return isNumber ? (cell?.dataset.v === undefined ? NaN : Number(text)) : text;
  };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const sort = (column, isNumber, way) => {
    const compare = (a, b) => {
      const [x, y] = [key(a, column, isNumber), key(b, column, isNumber)];
      const missing = value => isNumber ? Number.isNaN(value) : value === "";
      // What has no value is last, whichever the order.
      if (missing(x) || missing(y)) return missing(x) - missing(y) || a.place - b.place;
      return way * (isNumber ? x - y : words.compare(x, y)) || a.place - b.place;
    };
    const put = list => list.sort(compare).forEach(node => {
      body.append(node.row, ...node.details);
      put(node.children);
    });
    put(nodes.filter(node => !node.parent));
  };
  heads.forEach((head, column) => {
    const isNumber = head.hasAttribute("data-n");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      // The largest number first, and words from A to Z.
      const next = now === "none" ? (isNumber ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
      heads.forEach(other => other.setAttribute("aria-sort", other === head ? next : "none"));
      sort(column, isNumber, next === "ascending" ? 1 : -1);
    });
  });
}
