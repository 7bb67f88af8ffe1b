-- Columns are named as in the JSON of the API. NUMERIC keeps 50000.0 as the integer 50000, so it is sent without ".0".
-- Instants are ISO 8601 texts in UTC with milliseconds: they sort as the instants do.

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE users (
  _id TEXT PRIMARY KEY,
  username TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,
  role TEXT NOT NULL DEFAULT 'read' CHECK (role IN ('read', 'write', 'admin', 'root')),
  isActive INTEGER NOT NULL DEFAULT 1,
  resetPasswordToken TEXT,
  resetPasswordExpire TEXT,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX users_reset ON users (resetPasswordToken);

-- One pending permanent delete per root user.
CREATE TABLE delete_requests (
  requestedBy TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  target TEXT NOT NULL,
  code TEXT NOT NULL,
  expires TEXT NOT NULL
);

CREATE TABLE vehicles (
  _id TEXT PRIMARY KEY,
  alias TEXT NOT NULL UNIQUE,
  marca TEXT NOT NULL,
  modelo INTEGER NOT NULL,
  plates TEXT,
  kilometrajeInicial NUMERIC NOT NULL DEFAULT 0,
  kilometrajeTotal NUMERIC NOT NULL DEFAULT 0,
  owner TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  isActive INTEGER NOT NULL DEFAULT 1,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX vehicles_owner ON vehicles (owner);

CREATE TABLE routes (
  _id TEXT PRIMARY KEY,
  vehicleAlias TEXT NOT NULL,
  vehicle TEXT NOT NULL REFERENCES vehicles ON DELETE CASCADE,
  fecha TEXT NOT NULL,
  distanciaRecorrida NUMERIC NOT NULL,
  notasAdicionales TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX routes_vehicle ON routes (vehicle, fecha DESC);
CREATE INDEX routes_owner ON routes (owner, fecha DESC);

CREATE TABLE refuels (
  _id TEXT PRIMARY KEY,
  vehicleAlias TEXT NOT NULL,
  vehicle TEXT NOT NULL REFERENCES vehicles ON DELETE CASCADE,
  tipoCombustible TEXT NOT NULL,
  cantidadGastada NUMERIC NOT NULL,
  galones NUMERIC,
  fecha TEXT NOT NULL,
  owner TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX refuels_vehicle ON refuels (vehicle, fecha DESC);
CREATE INDEX refuels_owner ON refuels (owner, fecha DESC);

CREATE TABLE maintenance (
  _id TEXT PRIMARY KEY,
  vehicleAlias TEXT NOT NULL,
  vehicle TEXT NOT NULL REFERENCES vehicles ON DELETE CASCADE,
  tipo TEXT NOT NULL,
  descripcion TEXT NOT NULL,
  costo NUMERIC NOT NULL,
  fecha TEXT NOT NULL,
  kilometraje NUMERIC NOT NULL,
  proveedor TEXT NOT NULL DEFAULT '',
  proximoServicioFecha TEXT,
  proximoServicioKm NUMERIC,
  notas TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX maintenance_vehicle ON maintenance (vehicle, fecha DESC);
CREATE INDEX maintenance_owner ON maintenance (owner, fecha DESC);

CREATE TABLE expenses (
  _id TEXT PRIMARY KEY,
  vehicleAlias TEXT NOT NULL,
  vehicle TEXT NOT NULL REFERENCES vehicles ON DELETE CASCADE,
  categoria TEXT NOT NULL,
  monto NUMERIC NOT NULL,
  descripcion TEXT NOT NULL,
  fecha TEXT NOT NULL,
  esRecurrente INTEGER NOT NULL DEFAULT 0,
  frecuenciaRecurrencia TEXT,
  proximoPago TEXT,
  esDeducibleImpuestos INTEGER NOT NULL DEFAULT 0,
  notas TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  createdAt TEXT NOT NULL,
  updatedAt TEXT NOT NULL,
  __v INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX expenses_vehicle ON expenses (vehicle, fecha DESC);
CREATE INDEX expenses_owner ON expenses (owner, fecha DESC);
