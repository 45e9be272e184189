// A click on a column's name sorts by it. Without this script everything is there all the same.
"use strict";
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    if (!head.textContent) return;
    // No button element: browsers leave those out where they repeat a table's head on paper.
    const button = document.createElement("span");
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.title = "sort";
    button.append(...head.childNodes);
    head.append(button);
    let down = head.classList.contains("n");
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener("click", () => {
      const value = (row) => row.cells[column].textContent;
      const number = (text) => parseFloat(text.replace(/[^0-9.]/g, "")) || 0;
      const numeric = head.classList.contains("n");
      const order = (a, b) => (numeric ? number(value(a)) - number(value(b)) : value(a).localeCompare(value(b)));
      const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? order(b, a) : order(a, b)));
      table.tBodies[0].append(...rows);
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      down = !down;
    });
  });
}
