-- A store as the first schema kept it: made by Zhiyin at 21a6726, dumped by sqlite3.
BEGIN TRANSACTION;
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	event_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	event_type TEXT NOT NULL, 
	timestamp DOUBLE NOT NULL, 
	value DOUBLE, 
	context TEXT NOT NULL, 
	session_id TEXT, 
	request_id TEXT, 
	position BIGINT, 
	propensity DOUBLE, 
	UNIQUE (event_id)
);
INSERT INTO "events" VALUES(1,'order-1','u1','w1','purchase',1000.0,2.0,'',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,'d1BbxwxM1Ot3ntbM','u1','','search',1001.0,NULL,'{"text": "red", "lang": "en"}',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(3,'SRsIn6AIB7UDMDhh','u1','w1','click',1002.0,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(4,'Jc10LihhEeNKO_Nh','u2','w2','impression',1003.0,NULL,'{"shelf": "for_you"}','s','r1',3,0.25);
INSERT INTO "events" VALUES(5,'4QuaEtX74BD0CWtM','u3','w1','purchase',2000.0,NULL,'{"b": 1, "a": "é"}',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(6,'0HzrMX9MGI6_j5tm','u3','w1','purchase',2000.0,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(7,'arhp3MqXmCw2t5ob','u3','w1','purchase',2000.0,NULL,'{"b": 1, "a": "é"}',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(8,'5rGewS1JUhL6SzCU','u3','w1','purchase',2000.0,NULL,'{"a":2}',NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(9,'lHzLxQH4pJGIXAF2','u3','w1','purchase',2000.0,NULL,'',NULL,NULL,NULL,NULL);
CREATE TABLE items (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	item_id TEXT NOT NULL, 
	title TEXT NOT NULL, 
	text TEXT NOT NULL, 
	attributes TEXT NOT NULL, 
	images TEXT NOT NULL, 
	available_from DOUBLE, 
	available_until DOUBLE, 
	hidden BOOLEAN NOT NULL, 
	digest TEXT NOT NULL, 
	UNIQUE (item_id)
);
INSERT INTO "items" VALUES(1,'w1','Chianti','dry','{"abv": 13.5, "grapes": ["Sangiovese"]}','[]',NULL,NULL,0,'f312cc8c0a1d41fcd771a4a80e53438d');
INSERT INTO "items" VALUES(2,'w2','Soave','','{}','[]',NULL,NULL,1,'43b4c43f37d8fd8e527fae495980c719');
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema','1');
INSERT INTO "meta" VALUES('has_clock','true');
CREATE TABLE profiles (
	user_id TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	updated DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (user_id, version)
);
INSERT INTO "profiles" VALUES('u1',1,0.0,'{"attributes": {"age": "30"}, "friends": ["u2"]}');
INSERT INTO "profiles" VALUES('u1',2,0.0,'{"attributes": {"age": "31"}, "friends": ["u2"], "refusals": [["type", "Red"]]}');
CREATE INDEX events_of_user ON events (user_id, timestamp);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('items',2);
INSERT INTO "sqlite_sequence" VALUES('events',9);
COMMIT;
