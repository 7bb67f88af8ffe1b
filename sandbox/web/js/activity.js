// What was written down last, of every kind together.

import { vehicleAt } from "./addresses.js";
import { api, at } from "./api.js";
import { h, unseen } from "./dom.js";
import { day } from "./format.js";
import { icon } from "./icons.js";
import { RECORDS } from "./records.js";

const SHOWN = 8;

/** The latest records; of one vehicle where `alias` is given. Newest first: `[{kind, record}]`. */
export async function latest({ alias, signal }) {
  const filter = alias ? at`&vehicleAlias=${alias}` : "";
  const lists = await Promise.all(
    Object.entries(RECORDS).map(async ([kind, { path }]) => {
      const { data } = await api(`${path}?limit=${SHOWN}${filter}`, { signal });
      return data.map((record) => ({ kind, record }));
    }),
  );
  const all = lists.flat().sort((one, other) => other.record.fecha.localeCompare(one.record.fecha));
  return all.slice(0, SHOWN);
}

/** They as a list; each names its vehicle where `withVehicle`. */
export function activity(records, { withVehicle = false } = {}) {
  return h(
    "ul",
    { class: "activity card" },
    records.map(({ kind, record }) => entry(kind, record, withVehicle)),
  );
}

function entry(kind, record, withVehicle) {
  const { name, icon: picture, line } = RECORDS[kind];
  const { what, detail, amount } = line(record);
  const vehicle = withVehicle ? h("a", { href: vehicleAt(record.vehicle.alias) }, record.vehicle.alias) : null;
  const about = [vehicle, detail, h("time", { datetime: record.fecha.slice(0, 10) }, day(record.fecha))];
  return h(
    "li",
    {},
    h("span", { class: `disc small ${kind}` }, icon(picture)),
    h(
      "div",
      { class: "grow" },
      h("p", { class: "what" }, unseen(`${name}: `), what),
      h(
        "p",
        { class: "muted dotted" },
        about.filter(Boolean).map((part) => h("span", {}, part)),
      ),
    ),
    h("p", { class: "amount" }, amount),
  );
}
