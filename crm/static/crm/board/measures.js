// How high cards are: as the style has them, at the reader's size of type, by the lines that their flags take.

/** What stands beside the words: the icon, its margin, and a little for how texts are rounded. */
const BESIDE = 22;

export class Measures {
  #widths = new Map();
  #context = document.createElement("canvas").getContext("2d");

  /** `box` holds a card for each number of lines; `onChange()`: they are of another size now. */
  constructor({ box, onChange }) {
    this.box = box;
    this.#read();
    new ResizeObserver(() => {
      const before = this.heights;
      this.#read();
      if (this.heights.some((height, lines) => height !== before[lines])) onChange();
    }).observe(box.firstElementChild);
  }

  /** Of a card in a column whose cards are so wide, in pixels: 0, 1 or 2. */
  linesOf({ marks }, width) {
    if (!marks) return 0;
    if (!this.#widths.has(marks)) this.#widths.set(marks, this.#context.measureText(marks).width + BESIDE);
    return this.#widths.get(marks) > width - this.frame ? 2 : 1;
  }

  /** Of a card with so many lines, with the space below it. */
  heightOf(lines) {
    return this.heights[lines];
  }

  #read() {
    const [probe] = this.box.children;
    const style = getComputedStyle(probe);
    const space = parseFloat(getComputedStyle(this.box).rowGap);
    this.heights = [...this.box.children].map((card) => card.offsetHeight + space);
    this.frame = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight) + 2 * parseFloat(style.borderLeftWidth);
    const { fontWeight, fontSize, fontFamily } = getComputedStyle(probe.firstElementChild);
    this.#context.font = `${fontWeight} ${fontSize} ${fontFamily}`;
    this.#widths.clear();
  }
}
