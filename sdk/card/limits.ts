// How large a card may be. It is read as a whole, by people, so what is larger belongs into an artifact.

export const componentsMax = 1000;
export const tableRowsMax = 10_000;
export const tableColumnsMax = 100;
export const chartPointsMax = 1000;
/** Above or below zero; the difference of two must still be a number. */
export const chartValueMax = 1e300;
/** A label, a header, an alternative text, a title. Characters. */
export const labelCharactersMax = 1000;
/** A markdown, a code, a JSON, a table's cell. Characters. */
export const textCharactersMax = 1_000_000;
export const imageBytesMax = 8 * 1024 * 1024;
/** All components together, about. Bytes. */
export const cardBytesMax = 32 * 1024 * 1024;
