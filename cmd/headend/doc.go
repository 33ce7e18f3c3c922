// Command headend is the head-end of Lastgasp: it takes in what meters and feeder devices say, stores it,
// and answers for it over HTTP.
//
//	headend serve                          everything, until a signal
//	headend import usage-points FILE.csv   the registry, from files
//	headend device password ID             another password for a device, which cuts off who has the former one
//	headend outages                        the open outages of a running head-end, in a terminal
//	headend check                          what is wrong with an installation, in words
//	headend migrate                        the database's schema, without starting anything
//	headend config                         the effective configuration, secrets masked
//
// One file is one subcommand; main.go lists them. Configuration is one YAML file, the environment over
// it and flags over that (config.go is the table of keys). This is the only package that knows all the
// others: it joins what the stages declare they need with what the store and the drivers offer.
//
// Exit status: 0 done, 1 it could not be done (one error on standard error: what, where, what to do),
// 2 refused lines in an import, 64 the command line itself is wrong.
package main
