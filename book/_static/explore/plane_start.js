// Printed from companion.plane by book/tools/plane_start.py: do not edit.
export const ORDERS = [3, 5, 7, 11];
export const START = {"q": 7, "r": 2, "width": 4, "circuits": [[1, 2], [4, 1]]};
export const GATES = 2;
