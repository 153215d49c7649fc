import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Independent HAPI FHIR R4 servers on loopback, one for each port given (0: the system chooses).
 *
 * <p>Prints one line {@code http://127.0.0.1:PORT/fhir} for each port, in order, once that server
 * answers. Ends when standard input ends, so that it never outlives the process that started it.
 */
public class HapiPair {

  public static void main(String[] ports) throws Exception {
    for (var port : ports) {
      var store = new AnnotationConfigApplicationContext(R4Storage.class);
      var bound = serve(store, port);
      hurry(store.getBean(IJobMaintenanceService.class));
      System.out.println("http://127.0.0.1:" + bound + "/fhir");
    }
    while (System.in.read() >= 0) {}
    // The stores live in memory: there is nothing to close in order.
    Runtime.getRuntime().halt(0);
  }

  /** HAPI moves an export on by one of its four steps a minute; tests can't wait for that. */
  private static void hurry(IJobMaintenanceService exports) {
    var thread =
        new Thread(
            () -> {
              while (true) {
                try {
                  Thread.sleep(1000);
                  exports.runMaintenancePass();
                } catch (InterruptedException end) {
                  return;
                } catch (RuntimeException busy) {
                  continue; // the store was emptied meanwhile
                }
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  private static int serve(ApplicationContext store, String port) throws Exception {
    var jetty = new Server();
    var connector = new ServerConnector(jetty);
    connector.setHost("127.0.0.1");
    connector.setPort(Integer.parseInt(port));
    jetty.addConnector(connector);
    var servlets = new ServletContextHandler("/");
    servlets.addServlet(new ServletHolder(fhirServlet(store)), "/fhir/*");
    jetty.setHandler(servlets);
    jetty.start();
    return connector.getLocalPort();
  }

  private static RestfulServer fhirServlet(ApplicationContext store) {
    var server = new RestfulServer(store.getBean(FhirContext.class));
    server.registerProviders(
        store.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
    server.registerProvider(store.getBean(IJpaSystemProvider.class));
    server.registerProvider(store.getBean(BulkDataExportProvider.class));
    // Page sizes of HAPI's own starter server, which is what people run; the library stops at 50.
    var paging = store.getBean(DatabaseBackedPagingProvider.class);
    paging.setDefaultPageSize(20);
    paging.setMaximumPageSize(200);
    server.setPagingProvider(paging);
    server.setServerConformanceProvider(
        new JpaCapabilityStatementProvider(
            server,
            store.getBean(IFhirSystemDao.class),
            store.getBean(JpaStorageSettings.class),
            store.getBean(ISearchParamRegistry.class),
            store.getBean(IValidationSupport.class)));
    server.setDefaultResponseEncoding(EncodingEnum.JSON);
    return server;
  }
}
