/**
 * Where the labels of points stand, so that they cover neither points nor each other.
 *
 * @module
 */

/** A point in pixels, with its text. */
export interface Labelled {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** The left end and the middle of a label in pixels, and whether a line leads to its point. */
export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly led: boolean;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface PlaceOptions {
  readonly width: number;
  readonly height: number;
  readonly font_size: number;
  /** Half the size of a point. */
  readonly radius: number;
}

/** Ways out from a point, tried in this order: beside it before above and below. */
const DIRECTIONS = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [1, 1], [-1, -1], [-1, 1]];
const FURTHEST = 12;

/**
 * Places labels one after the other, each at the first free place, near ones first. What finds no free place within
 * reach stands at the right of its point.
 */
export function placeLabels(points: readonly Labelled[], options: PlaceOptions): PlacedLabel[] {
  const { radius } = options;
  const taken = points.map(({ x, y }): Box => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  return points.map((point) => {
    const found = candidates(point, options).find(({ box }) =>
      inside(box, options) && !taken.some((other) =>
        overlap(box, other)
      )
    ) ?? candidates(point, options).next().value!;
    taken.push(found.box);
    return { x: found.box.left + 1, y: (found.box.top + found.box.bottom) / 2, led: found.led };
  });
}

function* candidates({ x, y, text }: Labelled, { font_size, radius }: PlaceOptions) {
  const [width, height] = [0.62 * font_size * text.length + 2, font_size + 2];
  for (let step = 0; step < FURTHEST; step++) {
    const reach = radius + 2 + 9 * step;
    for (const [right, down] of DIRECTIONS) {
      const middle_x = x + right * (reach + width / 2);
      const middle_y = y + down * (reach + height / 2);
      const box = {
        left: middle_x - width / 2,
        right: middle_x + width / 2,
        top: middle_y - height / 2,
        bottom: middle_y + height / 2,
      };
      yield { box, led: step > 0 };
    }
  }
}

function inside({ left, right, top, bottom }: Box, { width, height }: PlaceOptions): boolean {
  return left >= 0 && right <= width && top >= 0 && bottom <= height;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
