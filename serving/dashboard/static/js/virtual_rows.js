// A long table of which only the rows in sight are there: ten thousand scroll like ten.

const AROUND = 8; // rows above and below those in sight

export class VirtualRows {
  // `make` returns a row's element, `fill(element, item)` shows an item in it. All rows are `height` pixels high.
  constructor(scroller, { height, make, fill, seen = () => {} }) {
    Object.assign(this, { scroller, height, make, fill, seen, items: [], rows: [] });
    this.table = scroller.querySelector("table");
    this.head = this.table.tHead?.rows.length ?? 0;
    this.body = this.table.tBodies[0];
    [this.above, this.below] = [spacer(), spacer()];
    this.body.replaceChildren(this.above, this.below);
    scroller.addEventListener("scroll", () => this.render(), { passive: true });
    new ResizeObserver(() => this.render()).observe(scroller);
  }

  show(items) {
    this.items = items;
    this.table.setAttribute("aria-rowcount", String(items.length + this.head));
    this.render();
  }

  render() {
    const [first, last] = this.window();
    this.first = first;
    while (this.rows.length > last - first) this.rows.pop().remove();
    while (this.rows.length < last - first) this.below.before(this.grow());
    this.above.firstChild.style.height = `${first * this.height}px`;
    this.below.firstChild.style.height = `${(this.items.length - last) * this.height}px`;
    this.rows.forEach((row, i) => {
      row.setAttribute("aria-rowindex", String(first + i + 1 + this.head));
      this.fill(row, this.items[first + i]);
    });
    this.seen(this.items.slice(first, last));
  }

  window() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.height) - AROUND);
    const fit = Math.ceil(this.scroller.clientHeight / this.height) + 2 * AROUND;
    return [Math.min(first, Math.max(0, this.items.length - fit)), Math.min(this.items.length, first + fit)];
  }

  // Bring an item into sight, and return its row.
  reveal(index) {
    const [top, room] = [index * this.height, this.scroller.clientHeight - 2 * this.height];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room;
    this.render();
    return this.rows[index - this.first];
  }

  indexOf(row) {
    return this.first + this.rows.indexOf(row);
  }

  grow() {
    const row = this.make();
    this.rows.push(row);
    return row;
  }
}

function spacer() {
  const row = document.createElement("tr");
  row.setAttribute("aria-hidden", "true");
  row.className = "spacer";
  row.append(document.createElement("td"));
  return row;
}

// Set a cell's words, and touch it only where they are others.
export function put(cell, words, kind = "") {
  if (cell.textContent !== words) cell.textContent = words;
  if (cell.className !== kind) cell.className = kind;
}
