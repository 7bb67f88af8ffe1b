// Numbers and dates as Mexico writes them, money in quetzales.

const LOCALE = "es-MX";

const number = (options) => {
  const format = new Intl.NumberFormat(LOCALE, options);
  return (value) => format.format(value);
};

export const count = number({});
export const km = number({ style: "unit", unit: "kilometer", maximumFractionDigits: 1 });
export const kmPerLitre = (value) => (value ? `${decimals(value)} km/l` : "—");
export const money = number({ style: "currency", currency: "GTQ", currencyDisplay: "narrowSymbol" });
export const roundMoney = number({
  style: "currency",
  currency: "GTQ",
  currencyDisplay: "narrowSymbol",
  maximumFractionDigits: 0,
});
export const gallons = (value) => `${decimals(value)} gal`;
const decimals = number({ maximumFractionDigits: 2 });

// The service keeps days as midnight UTC; in any other zone some would be shown as the day before.
const utc = (options) => new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options });
const days = utc({ day: "numeric", month: "short", year: "numeric" });
const months = utc({ month: "short" });
const longMonths = utc({ month: "long", year: "numeric" });

/** "2026-05-03T00:00:00.000Z" as "3 may 2026". */
export const day = (iso) => days.format(new Date(iso));

/** "2026-05" as "may"; January has its year under it. */
export function month(period) {
  const name = months.format(new Date(period)).replace(".", "");
  return period.endsWith("-01") ? `${name}\n${period.slice(0, 4)}` : name;
}

/** "2026-05" as "mayo de 2026". */
export const longMonth = (period) => longMonths.format(new Date(period));

/** This day, here, as a date field takes it. */
export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => `${part}`.padStart(2, "0")).join("-");
}

/** How many days from today to the day of `iso`; negative when it is over. */
export const daysUntil = (iso) => Math.round((Date.parse(iso.slice(0, 10)) - Date.parse(today())) / 86_400_000);

const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });

/** "hoy", "mañana", "dentro de 12 días", "hace 3 días". */
export const inDays = (amount) => relative.format(amount, "day");
