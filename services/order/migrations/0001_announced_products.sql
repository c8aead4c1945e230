CREATE TABLE "catalogue_announcement" (
	"id" integer PRIMARY KEY NOT NULL,
	"products" integer NOT NULL,
	"complete" boolean NOT NULL,
	CONSTRAINT "catalogue_announcement_is_one" CHECK ("catalogue_announcement"."id" = 1)
);
