/** Processes of this program's own. */
module jcrosvm.sandbox {
    requires static org.jspecify;
    requires transitive jcrosvm.base;

    exports jcrosvm.sandbox;
}
