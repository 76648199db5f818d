/** The jcrosvm program. */
module jcrosvm.app {
    requires static org.jspecify;
    requires jcrosvm.config;
    requires jcrosvm.control;
    requires jcrosvm.disk;
    requires jcrosvm.guest;
    requires jcrosvm.sandbox;
    requires jcrosvm.sound;
    requires jcrosvm.vhostuser;
    requires jcrosvm.vmm;

    provides java.lang.System.LoggerFinder with
            jcrosvm.app.log.PlainLoggerFinder;
}
