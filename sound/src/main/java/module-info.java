/** The host's side of sound devices. */
module jcrosvm.sound {
    requires static org.jspecify;
    requires transitive jcrosvm.base;
    requires jcrosvm.config;

    exports jcrosvm.sound;
    exports jcrosvm.sound.file;
    exports jcrosvm.sound.pulse;
}
