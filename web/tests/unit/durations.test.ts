import { expect, test } from "vitest";
import { shortTime } from "@/model/durations";

test.each([
  [0.0004, ""],
  [0.25, "250 ms"],
  [1.24, "1.2 s"],
  [9.97, "10 s"],
  [59.4, "59 s"],
  [59.7, "1:00"],
  [119.6, "2:00"],
  [125, "2:05"],
])("%d seconds are %j", (seconds, text) => {
  expect(shortTime(seconds)).toBe(text);
});
