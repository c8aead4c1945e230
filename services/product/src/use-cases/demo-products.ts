/** A product of the demonstration shop. */
export interface DemoProduct {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** In won. */
  readonly price: number;
  readonly stock: number;
}

/** Fixed ids in the shape of UUIDv7, so that an example in a document works when it is pasted. */
const idOf = (number: number) => `01939e6a-7c00-7000-8000-${String(number).padStart(12, "0")}`;

/** What the demonstration shop sells: one product is down to its last piece, one is sold out. */
export const demoProducts: readonly DemoProduct[] = [
  {
    id: idOf(1),
    name: "Moon Jar",
    description: "달항아리: a white porcelain jar, thrown in two halves and joined by hand. The last one.",
    price: 180_000,
    stock: 1,
  },
  {
    id: idOf(2),
    name: "Hallabong Marmalade",
    description: "한라봉 마멀레이드: Jeju mandarins, cooked in small batches. Back next season.",
    price: 14_000,
    stock: 0,
  },
  {
    id: idOf(3),
    name: "Sejak Green Tea",
    description: "세작 녹차: the second picking from Boseong, 80 g.",
    price: 22_000,
    stock: 1_000,
  },
  {
    id: idOf(4),
    name: "Omija Syrup",
    description: "오미자청: berries of five tastes from Mungyeong, 500 ml.",
    price: 18_500,
    stock: 1_000,
  },
  {
    id: idOf(5),
    name: "Gochujang",
    description: "고추장: chilli paste from Sunchang, a year in the jar, 500 g.",
    price: 12_000,
    stock: 1_000,
  },
  {
    id: idOf(6),
    name: "Sesame Oil",
    description: "참기름: pressed to order from roasted seeds, 320 ml.",
    price: 24_000,
    stock: 1_000,
  },
  {
    id: idOf(7),
    name: "Bronze Spoon and Chopsticks",
    description: "유기 수저: hand-forged, in a linen case.",
    price: 46_000,
    stock: 300,
  },
  {
    id: idOf(8),
    name: "Ramie Tea Towel",
    description: "모시 다포: woven in Hansan, 30 by 40 cm.",
    price: 16_000,
    stock: 500,
  },
  {
    id: idOf(9),
    name: "Hanji Notebook",
    description: "한지 공책: mulberry paper from Jeonju, 96 pages.",
    price: 9_500,
    stock: 2_000,
  },
  {
    id: idOf(10),
    name: "Yakgwa",
    description: "약과: honey cookies with ginger, a box of twelve.",
    price: 8_900,
    stock: 5_000,
  },
];
