// HTTP dates (RFC 9110 section 5.6.7): written in the one form that may be sent, read in all three
// that may arrive.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${MONTHS.join('|')})`;
const time = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';
const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const FORMS = [
  new RegExp(`^${day}, (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d{2})-${month}-(?<year>\\d{2}) ${time} GMT$`),
  new RegExp(`^${day} ${month} (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})$`),
];

/** `Sun, 06 Nov 1994 08:49:37 GMT`: whole seconds, rounded down. */
export function formatHttpDate(unixMs: number): string {
  return new Date(unixMs).toUTCString();
}

/** Unix milliseconds of a date in any of the three forms; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  const fields = FORMS.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (fields === undefined) return undefined;
  const { day = '', month = '', year = '', hour = '', minute = '', second = '' } = fields;
  const numbers = [day, hour, minute, second].map(Number);
  const [date = 0, hours = 0, minutes = 0, seconds = 0] = numbers;
  if (date < 1 || date > 31 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return Date.UTC(fullYear(year), MONTHS.indexOf(month), date, hours, minutes, seconds);
}

/** Two digits that seem more than 50 years in the future mean the previous century. */
function fullYear(text: string): number {
  if (text.length === 4) return Number(text);
  const now = new Date().getUTCFullYear();
  const year = now - (now % 100) + Number(text);
  return year > now + 50 ? year - 100 : year;
}
