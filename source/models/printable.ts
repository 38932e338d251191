/** Text from a file on one line, without what a terminal would obey: control and invisible formatting characters. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
