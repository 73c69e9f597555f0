-- Run at each start of the inventory service. What is here in the beginning: 100 lamps and 3 chairs.
create table if not exists stock (
  sku     text primary key,
  on_hand integer not null check (on_hand >= 0)
);
create table if not exists reservations (
  order_id text primary key,
  sku      text not null,
  quantity integer not null,
  returned boolean not null default false
);
create table if not exists deliveries (
  delivery text primary key,
  sku      text not null,
  quantity integer not null
);
insert into stock values ('LAMP', 100), ('CHAIR', 3) on conflict do nothing;
