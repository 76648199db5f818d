/** The host's side of serial ports and consoles. */
module jcrosvm.serial {
    requires static org.jspecify;
    requires transitive jcrosvm.config;

    exports jcrosvm.serial;
}
