// Changes when: what counts as a fault of a layout does.
// An expression; called in the page, it answers with one line for each fault.
() => {
  const LEAST_CONTRAST = 4.5;
  const LEAST_TARGET = 24;
  const SLACK = 1;
  const CONTROLS = 'a[href], button, input, select, textarea, summary, [role=button]';

  /** What an element is drawn in: its slot, its parent, or the host of its shadow tree. */
  const around = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
  const chain = function* (element) {
    for (let at = element; at; at = around(at)) yield at;
  };
  const everything = function* (root) {
    for (const element of root.querySelectorAll('*')) {
      yield element;
      if (element.shadowRoot) yield* everything(element.shadowRoot);
    }
  };

  /** Meant for the eye: neither hidden nor there for screen readers only. */
  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    ![...chain(element)].some((at) => getComputedStyle(at).clipPath === 'inset(50%)');

  const name = (element) => {
    const words = (element.ariaLabel || element.textContent).trim().replace(/\s+/g, ' ');
    const kinds = [...element.classList].map((kind) => `.${kind}`).join('');
    return `<${element.localName}${kinds}> “${words.slice(0, 40)}”`;
  };

  // --- colours -------------------------------------------------------------------------------

  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  /** Red, green, blue: 0 to 255; alpha: 0 to 1. */
  const parsed = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) =>
    [r, g, b].map((part, i) => part * a + under[i] * (1 - a)).concat(1);
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  /** As WCAG 2.2 defines it. */
  const contrast = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  /** Every colour that may lie behind an element; a gradient has several. */
  const grounds = (element) => {
    if (!element) return [parsed('Canvas')];
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const stops = backgroundImage.match(/(rgba?|color|oklab|oklch)\([^)]*\)/g) ?? [];
    const layers = (stops.length ? stops : [backgroundColor]).map(parsed);
    const solid = layers.every(([, , , alpha]) => alpha === 1);
    const below = solid ? [parsed('Canvas')] : grounds(around(element));
    return layers.flatMap((layer) => below.map((under) => over(layer, under)));
  };

  // --- what is cut off -----------------------------------------------------------------------

  /**
   * The part of a box that is not cut off, and whether that is less than all of it by accident:
   * what ends in an ellipsis is told in full by its title.
   */
  const shown = (element, { left, top, right, bottom }) => {
    let lost = false;
    const box = { left, top, right, bottom };
    for (const at of chain(element)) {
      const { overflowX, overflowY, textOverflow } = getComputedStyle(at);
      const frame = at.getBoundingClientRect();
      const before = { ...box };
      if (overflowX !== 'visible') {
        box.left = Math.max(box.left, frame.left);
        box.right = Math.min(box.right, frame.right);
      }
      if (overflowY !== 'visible') {
        box.top = Math.max(box.top, frame.top);
        box.bottom = Math.min(box.bottom, frame.bottom);
      }
      const less = Object.keys(box).some((side) => Math.abs(box[side] - before[side]) > SLACK);
      lost ||= less && !(textOverflow === 'ellipsis' && at.title);
    }
    lost ||= box.left < -SLACK || box.right > innerWidth + SLACK;
    return { box, lost };
  };

  // --- what is there -------------------------------------------------------------------------

  /** A piece of text, or a control: where it lies, and what belongs to it. */
  const things = [];
  const faults = [];
  const elements = [...everything(document.body)].filter(seen);
  for (const element of elements) {
    if (element.matches(CONTROLS)) things.push({ element, box: element.getBoundingClientRect() });
    for (const node of element.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) {
        things.push({ element, text: node.data, ...shown(element, box) });
      }
    }
  }

  // --- the page as a whole -------------------------------------------------------------------

  const { scrollWidth } = document.scrollingElement;
  if (scrollWidth > innerWidth) faults.push(`the page is ${scrollWidth} wide`);

  // --- each thing ----------------------------------------------------------------------------

  for (const { element, box, text, lost } of things) {
    if (text === undefined) {
      const small = Math.min(box.width, box.height) < LEAST_TARGET;
      if (small) faults.push(`${name(element)} is ${box.width} by ${box.height}`);
      continue;
    }
    if (lost) faults.push(`${name(element)} is cut off`);
    const behind = grounds(element);
    const ink = parsed(getComputedStyle(element).color);
    const least = Math.min(...behind.map((ground) => contrast(over(ink, ground), ground)));
    if (least < LEAST_CONTRAST) faults.push(`${name(element)} has a contrast of ${least.toFixed(2)}`);
  }

  // --- each two things -----------------------------------------------------------------------

  const apart = (a, b) =>
    a.right - SLACK <= b.left ||
    b.right - SLACK <= a.left ||
    a.bottom - SLACK <= b.top ||
    b.bottom - SLACK <= a.top;
  /** Text in its own control, or the lines of one text. */
  const together = (one, other) =>
    one.element === other.element ||
    (one.text === undefined && [...chain(other.element)].includes(one.element)) ||
    (other.text === undefined && [...chain(one.element)].includes(other.element));
  things.forEach((one, index) => {
    for (const other of things.slice(index + 1)) {
      if (apart(one.box, other.box) || together(one, other)) continue;
      faults.push(`${name(one.element)} lies over ${name(other.element)}`);
    }
  });
  return [...new Set(faults)];
}
