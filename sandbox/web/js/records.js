// The four kinds of record that a vehicle has: how they are called, drawn, read and written.

import { day, gallons, km, money, today } from "./format.js";

const FUELS = ["Regular", "Premium", "Diesel", "V-Power", "Híbrido", "Eléctrico"];
const CATEGORIES = "Seguro Impuestos Registro Estacionamiento Peajes Lavado Multas Financiamiento Otro".split(" ");
const SERVICES = [
  "Cambio de aceite",
  "Rotación de llantas",
  "Frenos",
  "Inspección",
  "Reparación",
  "Batería",
  "Filtros",
  "Transmisión",
  "Suspensión",
  "Alineación",
  "Otro",
];
const ONCE = "No se repite";

const date = () => ({ name: "fecha", label: "Fecha", type: "date", value: today() });

/**
 * By the word that stands in the address.
 *
 * `path` below `/api/`; `fields()` of its form; `body(entries)` where more is sent than what was entered; `saved(entries)`
 * tells that it is; `line(record)` is `{what, detail, amount}`.
 */
export const RECORDS = {
  viaje: {
    name: "Viaje",
    title: "Nuevo viaje",
    icon: "trip",
    path: "routes",
    fields: () => [
      { name: "distanciaRecorrida", label: "Distancia", type: "number", min: 0.1, unit: "km" },
      date(),
      { name: "notasAdicionales", label: "Notas", type: "textarea", maxlength: 500, isOptional: true, isWide: true },
    ],
    saved: (entries) => `Viaje de ${km(entries.distanciaRecorrida)} guardado.`,
    line: (record) => ({ what: record.notasAdicionales || "Viaje", amount: km(record.distanciaRecorrida) }),
  },
  carga: {
    name: "Carga",
    title: "Nueva carga de combustible",
    icon: "fuel",
    path: "refuels",
    fields: () => [
      { name: "tipoCombustible", label: "Combustible", type: "select", options: FUELS },
      date(),
      { name: "cantidadGastada", label: "Total pagado", type: "number", min: 0, unit: "Q" },
      {
        name: "galones",
        label: "Galones",
        type: "number",
        min: 0,
        unit: "gal",
        isOptional: true,
        hint: "Sin ellos no se puede calcular el rendimiento.",
      },
    ],
    saved: (entries) => `Carga de ${money(entries.cantidadGastada)} guardada.`,
    line: (record) => ({
      what: record.tipoCombustible,
      detail: record.galones ? gallons(record.galones) : null,
      amount: money(record.cantidadGastada),
    }),
  },
  gasto: {
    name: "Gasto",
    title: "Nuevo gasto",
    icon: "wallet",
    path: "expenses",
    fields: () => [
      { name: "categoria", label: "Categoría", type: "select", options: CATEGORIES },
      date(),
      { name: "descripcion", label: "Descripción", maxlength: 500, isWide: true },
      { name: "monto", label: "Monto", type: "number", min: 0, unit: "Q" },
      {
        name: "frecuenciaRecurrencia",
        label: "Se repite",
        type: "select",
        options: [ONCE, "Mensual", "Trimestral", "Semestral", "Anual"],
      },
      { name: "proximoPago", label: "Próximo pago", type: "date", isOptional: true, hint: "Solo si se repite." },
      { name: "esDeducibleImpuestos", label: "Se puede deducir de impuestos", type: "checkbox" },
    ],
    body: ({ frecuenciaRecurrencia, proximoPago, ...entries }) =>
      frecuenciaRecurrencia === ONCE
        ? entries
        : { ...entries, esRecurrente: true, frecuenciaRecurrencia, ...(proximoPago && { proximoPago }) },
    saved: (entries) => `Gasto de ${money(entries.monto)} guardado.`,
    line: (record) => ({ what: record.descripcion, detail: record.categoria, amount: money(record.monto) }),
  },
  mantenimiento: {
    name: "Servicio",
    title: "Nuevo mantenimiento",
    icon: "wrench",
    path: "maintenance",
    fields: () => [
      { name: "tipo", label: "Tipo", type: "select", options: SERVICES },
      date(),
      { name: "descripcion", label: "Descripción", maxlength: 500, isWide: true },
      { name: "costo", label: "Costo", type: "number", min: 0, unit: "Q" },
      { name: "kilometraje", label: "Kilometraje", type: "number", min: 0, unit: "km" },
      { name: "proveedor", label: "Taller", maxlength: 100, isOptional: true, isWide: true },
      { name: "proximoServicioFecha", label: "Próximo servicio, fecha", type: "date", isOptional: true },
      {
        name: "proximoServicioKm",
        label: "Próximo servicio, kilometraje",
        type: "number",
        min: 0,
        unit: "km",
        isOptional: true,
      },
    ],
    saved: (entries) => `${entries.tipo} del ${day(entries.fecha)} guardado.`,
    line: (record) => ({ what: record.descripcion, detail: record.tipo, amount: money(record.costo) }),
  },
};
